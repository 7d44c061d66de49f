"""Belongs here: sensors and schedules. Does not: planning (pipeline/)."""
