"""Sockets and what passes them (RFC 3261 section 18)."""
