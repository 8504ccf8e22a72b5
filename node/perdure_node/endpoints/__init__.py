"""Several nodes of the chain: one is pinned for each round, all are compared, and a disagreement is an alarm (ADR 0018)."""
