"""`perdure tutorial`: practice in a sandbox with a chain of its own, in lessons that look at what the learner did."""
