"""Views: published copies of stored data in databases that serve one kind of reader. Empty yet.

Belongs here: one class per view that writes, verifies, erases, exports and reports its age. Does not: primary state
(stores/).
"""
