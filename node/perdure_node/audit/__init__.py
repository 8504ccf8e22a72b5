"""Auditing a vault: everything in it held against its own log, the registry, the anchors at home and the documents on the disk.

Nothing is changed or mended here, but for the notes by which an audit that was broken off goes on.
"""
