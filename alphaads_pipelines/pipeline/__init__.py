"""Pipeline: the steps of a micro-batch and of the hourly jobs, in order; every room is used here, Dagster is not.

Belongs here: what a run does, which batch is due, what a replay means. Does not: how a run is started or shown.
"""
