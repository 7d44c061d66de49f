"""Access (GDPR articles 15 and 20): a person's data as a JSON document and an HTML page.

data_map.py covers every place with personal data; a new one is declared there.
"""
