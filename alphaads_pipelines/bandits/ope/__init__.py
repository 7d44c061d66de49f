"""Off-policy evaluation: estimate a policy's reward from another policy's log.

Belongs here: logs and their readers, estimators, intervals, diagnostics, reports. Does not: policies (bandits/base.py),
promotion (bandits/promotion.py).
"""
