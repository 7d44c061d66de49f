"""Creatives: writing, moderating and reviewing ad texts.

Belongs here: generators behind one base class, moderation, review. Does not: choosing among creatives (bandits/).
"""
