"""Deploying: real servers on loopback for tests and by hand, without containers."""
