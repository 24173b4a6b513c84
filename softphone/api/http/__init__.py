"""What all contracts share of HTTP: errors, bodies, pages, limits, idempotency, the server."""
