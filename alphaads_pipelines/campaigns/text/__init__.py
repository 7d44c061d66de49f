"""Text matching.

Belongs here: normalisation, phrases found in any spelling. Does not: which phrases are banned.
"""
