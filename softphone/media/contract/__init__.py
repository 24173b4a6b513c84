"""What both sides of a worker's socket know: legs, events and messages."""
