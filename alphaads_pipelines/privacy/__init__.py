"""Privacy: envelope, sealer, subject keys, pseudonyms, consent and purposes.

Belongs here: protection of personal data. Does not: storage (stores/), parsing (platforms/).
"""
