"""What a node tells Prometheus: gauges that are read when they are asked for, and a count of requests. docs/runbooks.md says what to do."""
