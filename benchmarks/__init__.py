"""Benchmarks: `alphaads bench NAME` prints one JSON object with a ratio to a named peer."""
