"""The site's keys through their lives: registered, rotated, and where they stand with the registry."""
