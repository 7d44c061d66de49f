"""Tests of the API, over real stores and streams."""
