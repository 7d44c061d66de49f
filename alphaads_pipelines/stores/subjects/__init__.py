"""Subjects: rows kept of people: ids, wrapped keys, consents, suppressions, links, restrictions and rectifications."""
