"""A simulated world with known truth, to run the learning loop in.

Belongs here: the world, its reports, the loop, regret and its page. Does not: policies (bandits/), the reward join
(bandits/reward_join.py), peer libraries (benchmarks/).
"""
