"""Recovering: a site's true log and records, gathered from whoever still has parts of them."""
