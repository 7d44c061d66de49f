"""Dashboard: pages for marketers, operators and privacy officers.

It imports the typed client of the API alone. Nothing is built here yet.
"""
