"""Schema: stored tables, columns and records with their privacy labels and erasure paths."""
