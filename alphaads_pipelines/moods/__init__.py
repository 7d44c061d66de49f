"""Moods: folds of scored posts by topic into aggregates that name no person. Empty yet.

Belongs here: the mood of a topic, its history and its confidence. Does not: profiles of people (profiles/).
"""
