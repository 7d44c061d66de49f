"""A world whose truth is known, to close the loop in: people whose moods move, ads, clicks that come late or never.

Belongs here: the world and its truth, what is reported of it, the loop of a policy in it, regret and its page. Does
not: policies (bandits/), how records become outcomes (bandits/reward_join.py), other people's policies (benchmarks/).
"""
