"""Subjects: ids, wrapped keys, consents, suppressions, links, restrictions and rectifications."""
