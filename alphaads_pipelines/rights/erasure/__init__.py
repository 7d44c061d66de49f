"""Erasure: one eraser per kind of store behind one base class, the order they run in, the journal and the receipt."""
