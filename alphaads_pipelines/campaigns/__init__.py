"""Campaigns: what is advertised, to whom, within which limits, and by which brand rules.

Belongs here: campaigns and where they are kept, placements, brand rules, normalisation of advertisers' text. Does not:
writing and moderating ad texts (creatives/), or money spent (decisions/budget/).
"""
