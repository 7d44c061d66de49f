"""Views: published copies of what the lake and the relational store hold, in databases that serve one kind of reader.

Belongs here: one class per view that writes, verifies, erases, exports and reports its age. Does not: state that only
one store holds (stores/). Nothing is built here yet.
"""
