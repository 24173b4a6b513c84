"""Persistent data: accounts and their settings, and the history of conferences and calls."""
