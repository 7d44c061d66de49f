"""Campaigns.

Belongs here: their store, placements, brand rules and text matching. Does not: ad texts (creatives/), spending
(decisions/budget/).
"""
