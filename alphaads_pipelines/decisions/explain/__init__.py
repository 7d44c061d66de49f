"""Explain: why a decision was made, and which decisions a deleted post affected.

Everything here reads what decisions recorded; nothing here is on a decision's path.
"""
