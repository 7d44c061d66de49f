"""Bandits: policies that choose among creatives, and how they learn and are evaluated.

Belongs here: policies behind one base class, their versions and roles, evaluation, simulation. Does not: eligibility
and access (decisions/).
"""
