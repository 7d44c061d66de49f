"""Analytics: statistics over groups of at least a minimum number of people.

Belongs here: sums over groups, their release rule (release.py), noise. Does not: figures of individuals.
"""
