"""The keys in a vault: what opens its content, and with what the site signs. Each is kept wrapped to its recipients."""
