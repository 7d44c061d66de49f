"""Benchmarks: `alphaads bench NAME`; each prints one JSON object with a ratio to a named peer."""
