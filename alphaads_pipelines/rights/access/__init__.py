"""Access (GDPR articles 15 and 20): a person's data as JSON and HTML. New places of personal data go into data_map.py."""
