"""The REST faces of the focus."""
