"""Backups: of the installation and of wrapped keys, and restores that bring back nobody who was erased."""
