"""The gateway: a place with a network that relays for sites, mirrors their logs, and hands evidence back to couriers."""
