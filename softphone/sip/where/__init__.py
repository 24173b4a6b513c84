"""Routing of requests: the next hop and its addresses (RFC 3261 section 8.1.2, RFC 3263)."""
