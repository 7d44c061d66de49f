"""Experiments with variants, called `arm` in code and data.

Belongs here: assignment, sequential statistics, results. Does not: choosing creatives (bandits/, decisions/).
"""
