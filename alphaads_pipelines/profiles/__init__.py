"""Profiles: fold scored posts into a person's profile and emotional journey.

Belongs here: pure folds over integer hourly buckets. Does not: storage, scoring.
"""
