"""Creatives: writing and moderating ad texts.

Belongs here: generators behind one base class, moderation. Does not: choosing among creatives (bandits/).
"""
