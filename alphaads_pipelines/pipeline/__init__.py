"""Pipeline: the steps of micro-batches and hourly jobs, in order. May use every room, but not Dagster.

Belongs here: the work of a run, due batches, replays. Does not: starting or showing runs.
"""
