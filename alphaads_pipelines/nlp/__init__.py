"""NLP: language, sentiment, emotion, intent and entities of texts.

Belongs here: scorers behind one base class. Does not: reading or writing tables.
"""
