"""Lake: the Delta tables, written by batch and read as of a version.

Belongs here: the `Lake` interface, its Delta implementation, erasure and maintenance of its files. Does not: table
contents (schema/), write order (pipeline/).
"""
