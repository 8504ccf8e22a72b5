"""The node's pages: rendered on the server, without scripts, with nothing from third parties."""
