"""Budget: pacing, reservation, settlement and reports of campaigns' money.

Belongs here: how much may be spent now, what is reserved or spent. Does not: choosing a creative (decide.py).
"""
