"""A site and the nodes that anchor for it, on the command line."""
