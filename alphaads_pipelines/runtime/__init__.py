"""The processes of a running installation.

Belongs here: supervisor, worker, daemon, metrics server, in-process runs. Does not: the steps of a run (pipeline/).
"""
