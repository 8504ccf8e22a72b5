"""Imported lists: registers as they really look, from bytes to the slots of records.

`perdure_node.lists.reading.open_list` recognises the format and parts the list into rows, which costs little and has to be
done in order. A `RowInterpreter` makes slots of a row, which costs more and can be done in any process. Nothing here knows a
vault: `perdure_node.imports.importing` puts the slots there.
"""
