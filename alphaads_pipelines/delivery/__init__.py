"""Delivery: sends campaigns and creatives to ad platforms and reads their results back.

Belongs here: the outbox, checks before sending, one file per ad platform. Does not: choosing a creative (decisions/,
bandits/). Nothing is built here yet.
"""
