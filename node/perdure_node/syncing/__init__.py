"""Sync: what waits is sealed and anchored by a chain client of the site's own, and the evidence comes home.

`perdure_node.by_node` is the same by a consortium's node, `perdure_node.courier` without a network.
"""
