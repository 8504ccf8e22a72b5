"""Adopting the true log: where the registry took another log for the site than the vault has, that one goes on, and no record is lost."""
