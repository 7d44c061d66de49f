"""Benchmarks in small: that they measure what they say; never how fast a machine is."""
