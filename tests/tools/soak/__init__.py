"""A soak: sites, nodes and a chain in processes of their own, under every fault at once; and what must be so afterwards."""
