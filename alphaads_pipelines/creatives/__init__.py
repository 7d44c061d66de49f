"""Creatives: writing and moderating ad texts, and experiments with them.

Belongs here: generators behind one base class, moderation, experiments/. Does not: choosing among creatives (bandits/).
"""
