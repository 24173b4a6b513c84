"""Conferences in a browser: the page, and what it asks the server."""
