"""Bandits: choosing among creatives and learning from what happened.

Belongs here: policies behind one base class. Does not: who may see what (decisions/).
"""
