"""Messages as values (RFC 3261 section 7): read, written, compared."""
