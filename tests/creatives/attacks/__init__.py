"""SYNTHETIC attacks on ad texts: base attacks as data, encodings as functions, and all combinations, deterministic."""
