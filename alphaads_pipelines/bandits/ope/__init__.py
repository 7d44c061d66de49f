"""Off-policy evaluation: what a policy would earn, told from the log of another one.

Belongs here: logged records and their readers, estimators, intervals, diagnostics, the report of them. Does not: what a
policy is (bandits/base.py), whether a candidate may serve (bandits/promotion.py).
"""
