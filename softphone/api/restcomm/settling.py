"""How long what has just happened may take to be read back."""

__all__ = ["SETTLE_S"]

# What has happened and is not yet in the database is there long before; if the database is away, that is told.
SETTLE_S = 1.0
