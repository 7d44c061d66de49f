"""Off-policy evaluation: estimate a policy's reward from another's log.

Belongs here: logs, estimators, intervals, diagnostics, reports. Does not: policies (bandits/base.py), promotion
(bandits/promotion.py).
"""
