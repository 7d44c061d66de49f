"""Schema: every stored table and column, with its privacy label and erasure path, and the layout of stored records."""
