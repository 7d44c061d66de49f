"""Delivery of ads to platforms: an adapter per platform, and the outbox. Not implemented yet.

Belongs here: sending creatives to ad platforms. Does not: campaigns and their texts (campaigns/, creatives/).
"""
