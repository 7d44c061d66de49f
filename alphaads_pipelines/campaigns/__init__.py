"""Campaigns: their audience, limits and brand rules.

Belongs here: campaigns and their store, placements, brand rules, text matching. Does not: writing and moderating ad
texts (creatives/), spending (decisions/budget/).
"""
