"""Watching a folder: each new file in it is recorded once, whenever it is whole, whatever is killed in between.

`settling` says when a file is whole, `listing` what is in the folder, `intake` records a file, `done_files` remembers across restarts
what was done, `moving` puts files away, and `watcher` puts these together. Nothing here waits or prints: a caller asks for one round
after the other.
"""
