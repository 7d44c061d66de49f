"""NLP: what a text says: language, sentiment, emotion.

Belongs here: scorers behind one base class. Does not: reading or writing tables.
"""
