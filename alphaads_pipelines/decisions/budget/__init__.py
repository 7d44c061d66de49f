"""Budget: pacing, reservation, settlement and reports of campaigns' money.

Does not belong here: choosing a creative (decide.py).
"""
