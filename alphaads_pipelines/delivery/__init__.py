"""Delivery: one file per ad platform, and the outbox. Nothing is delivered yet; the seam is here."""
