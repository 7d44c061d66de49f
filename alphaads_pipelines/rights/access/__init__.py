"""Access (GDPR articles 15 and 20): a person's data as JSON and HTML. Declare new places of data in data_map.py."""
