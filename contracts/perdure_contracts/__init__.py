"""The contracts' committed artifacts, typed bindings to them, and the JSON-RPC chain client."""
