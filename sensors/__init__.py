"""Sensors and schedules: pure planning lives in the domain, these name assets by key."""
