"""Runtime: the processes of a running installation, and what starts, feeds and stops them.

Belongs here: supervisor, worker, daemon, metrics server, runs without a server. Does not: what a run does (pipeline/).
"""
