"""Sources: live clients that pull posts from a network's API and hand the payloads to intake. Empty yet.

Belongs here: paging, cursors, quota, cost, tokens, webhooks, one file per network. Does not: parsing (platforms/) or
writing the stream (ingest/).
"""
