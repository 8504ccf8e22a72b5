"""What the commands of `perdure courier` do and say; `perdure courier watch` does all of it."""
