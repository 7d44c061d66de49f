"""Tests of what is peculiar to one kind of stream."""
