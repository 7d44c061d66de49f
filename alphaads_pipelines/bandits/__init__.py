"""Bandits: choose among creatives and learn from clicks.

Belongs here: policies, their versions and roles, evaluation, simulation. Does not: eligibility (decisions/).
"""
