"""Text matching: normalisation, and phrases in any spelling."""
