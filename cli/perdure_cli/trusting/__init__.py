"""What `perdure trust` shows: a trust file whole, what changes between two, a page to print, what a live chain says of it."""
