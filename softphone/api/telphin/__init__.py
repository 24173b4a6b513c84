"""Telphin's API of conference extensions."""
