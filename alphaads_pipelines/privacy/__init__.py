"""Privacy: envelope, sealer, subject keys, pseudonyms.

Belongs here: everything that stands between a person and their data. Does not: storage (stores/), parsing (platforms/).
"""
