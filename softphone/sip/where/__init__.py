"""Routing of messages."""
