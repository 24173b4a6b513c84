"""Shared by both sides of a worker's socket: legs, events and messages."""
