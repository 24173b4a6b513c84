"""The user agent (RFC 3261 sections 8 and 13 to 15): requests and their answers, calls."""
