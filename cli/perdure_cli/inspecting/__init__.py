"""What a file says, told in words, part by part: the work behind `perdure inspect`. It judges nothing: see `judging`."""
