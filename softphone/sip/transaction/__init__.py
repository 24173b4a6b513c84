"""Transactions (RFC 3261 section 17): values that are told the time."""
