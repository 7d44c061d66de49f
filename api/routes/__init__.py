"""Routes, by version of the API."""
