"""Pipeline: the steps of a micro-batch and of the hourly jobs, in order. May use every room, but not Dagster.

Belongs here: what a run does, which batch is due, what a replay means. Does not: how a run is started or shown.
"""
