"""Erasure: an eraser per store, their order, the journal and the receipt."""
