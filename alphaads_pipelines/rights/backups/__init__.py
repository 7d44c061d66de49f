"""Backups of data and wrapped keys, and restores that repeat later erasures."""
