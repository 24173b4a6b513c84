"""Dialogs (RFC 3261 section 12), and which one a message belongs to."""
