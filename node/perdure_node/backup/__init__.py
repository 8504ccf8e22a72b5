"""Backups of a vault in a folder: encrypted, small from the second one on, and never changed after they were written.

    DIR/acme--rotterdam-1f2e3d4c/       one copy of a vault, in which nobody else writes
        folder-<id>.id                  tells this folder from its copies elsewhere
        pack-<digest>.pack              pages of files, compressed and encrypted with the chunk key
        000007-<time>-<digest>.backup   one backup: the chunk key, encrypted with age to the recipients; which pages make up which file

Files are cut into pages of 4096 bytes, as SQLite writes them, each known by a keyed digest: a page that is in a pack already is not
written again. The digest in a file's name is that of its content, so that whoever copies the folder sees without any key what is
whole. docs/adr/0012 has the formats, and who might attack them.
"""
