"""Experiments: assignment to variants (`arm` in code and data), and results that allow peeking.

Belongs here: assignment, sequential statistics, the decision rule, its page. Does not: the choice of a creative
(bandits/, decisions/).
"""
