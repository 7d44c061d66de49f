"""Rights of data subjects: access, erasure, rectification, restriction; and backups that respect them.

Belongs here: operations on one person across all stores. Does not: the access log (audit/).
"""
