"""SYNTHETIC attacks on the ad texts: base attacks as data, encodings as functions, every pairing of them as a case.

Nothing here is anybody's text. The same cases come out on every machine.
"""
