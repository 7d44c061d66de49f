"""A simulated world with known truth, to run the learning loop in.

Belongs here: the world, its reports, the loop, regret. Does not: policies (bandits/), peer libraries (benchmarks/).
"""
