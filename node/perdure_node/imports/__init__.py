"""Imports: many records from one list, whose forms `perdure_node.lists` reads."""
