"""Experiments: who sees which arm, and what may be concluded from it however often one looks.

Belongs here: assignment to arms, sequential statistics, the rule that ships or stops, its page. Does not: which
creative a person is shown (bandits/, decisions/).
"""
