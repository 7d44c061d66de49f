"""Analytics: what many people together did and felt. No figure here is about fewer than a least number of people.

Belongs here: sums over groups of people, the rule by which they leave (release.py), noise. Does not: any one person.
"""
