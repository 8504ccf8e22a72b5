"""The chain that a vault anchors on: asked through JSON-RPC, and sent transactions whose bytes were stored before."""
