"""Delivery: sends campaigns and creatives to ad platforms and reads their results back. Empty yet.

Belongs here: the outbox, checks before sending, one file per ad platform. Does not: choosing a creative (decisions/).
"""
