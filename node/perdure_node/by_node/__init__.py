"""A site that anchors by a consortium's node over HTTPS, and needs no chain client: the courier, by wire.

What goes out is a courier's bundle, and what comes back is one: the node is believed nothing that is not proved under the pinned
trust file. It can withhold and delay; then another node is asked.
"""
