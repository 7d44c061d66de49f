"""Access: everything held on a person, as a JSON document and a page (GDPR articles 15 and 20).

data_map.py lists every place that holds a person's data; a new one is declared there.
"""
