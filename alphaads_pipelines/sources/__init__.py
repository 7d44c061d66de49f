"""Sources: live clients that pull posts from a network's API and hand the payloads to intake.

Belongs here: paging, cursors, quota, cost, tokens, webhooks, one file per network. Does not: turning a payload into a
`Post` (platforms/) or writing the stream (ingest/). Nothing is built here yet.
"""
