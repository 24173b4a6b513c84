"""HTTP of all contracts: errors, bodies, pages, limits, idempotency, the server."""
