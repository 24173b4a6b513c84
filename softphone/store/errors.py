"""Exceptions of the store.

::

    StoreError              (a SoftphoneError)
    ├── StoreUnavailable    the database is away, too slow or locked: try again later
    ├── NoSuchRow           what was asked for is not (or no longer) there
    ├── Conflict            a conference extension plays the sound
    └── PropertyError       our caller's mistake: a property, or the mark of a page, that cannot be; it is named
"""

from softphone.errors import SoftphoneError

__all__ = ["Conflict", "NoSuchRow", "PropertyError", "StoreError", "StoreUnavailable"]


class StoreError(SoftphoneError):
    """The store could not do what was asked."""


class StoreUnavailable(StoreError):
    """The database is away, too slow or locked; the same may succeed later."""


class NoSuchRow(StoreError):
    """What was asked for is not, or no longer, there."""


class Conflict(StoreError):
    """It collides with something that is there."""


class PropertyError(StoreError):
    """A property has a value that it cannot have, or a page a mark that is none.

    Parameters
    ----------
    name
        Of the property; ``after`` of a page.
    reason
        What is wrong; never holds the value, which may be a PIN.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
