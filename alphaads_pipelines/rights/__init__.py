"""Rights: what people may ask for: access, erasure, rectification, restriction; and backups that respect it.

Belongs here: everything that acts on one person across all stores. Does not: the log of who did so (audit/).
"""
