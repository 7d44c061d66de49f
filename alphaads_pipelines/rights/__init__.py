"""Rights: export, erasure, receipts, audit. It may reach every store; the seam is here."""
