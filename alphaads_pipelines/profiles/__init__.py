"""Profiles: fold scored posts into profiles and emotional journeys.

Belongs here: pure folds over hourly integer counts. Does not: storage, scoring.
"""
