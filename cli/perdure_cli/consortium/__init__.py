"""What the commands of `perdure consortium` share: options, how a step is shown and done, and how the chain's view is printed."""
