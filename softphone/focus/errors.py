"""Exceptions of the focus.

::

    FocusError             (a SoftphoneError)
    ├── NoSuchSession      there is no such session, or it has ended
    ├── NoSuchParty        there is no such party in the session
    ├── NoSuchBan          the number is not banned
    ├── NoSuchExtension    the account has no such number
    ├── NoSuchInvitation   nobody is being called under this number
    ├── NoSuchPass         the conference has given no such pass
    ├── NoSuchPlayback     it is over, or never was
    ├── NoSuchSound        no prompt or uploaded sound of this name
    ├── NoSuchStream       it is over, or never was
    ├── NotOffered         the settings do not turn it on
    ├── SpeechFailed       the program that speaks did not
    ├── NotAllowed         the extension may not do that
    ├── WrongState         the session or party is not in a state for it
    └── Overloaded         no room for one more, or the server is being stopped
"""

from softphone.errors import SoftphoneError

__all__ = [
    "FocusError",
    "NotOffered",
    "NoSuchBan",
    "NoSuchExtension",
    "NoSuchInvitation",
    "NoSuchParty",
    "NoSuchPass",
    "NoSuchPlayback",
    "NoSuchSession",
    "NoSuchSound",
    "NoSuchStream",
    "NotAllowed",
    "Overloaded",
    "SpeechFailed",
    "WrongState",
]


class FocusError(SoftphoneError):
    """The focus could not do what was asked."""


class NoSuchSession(FocusError):
    """There is no such session, or it has ended."""


class NoSuchParty(FocusError):
    """There is no such party in the session."""


class NoSuchBan(FocusError):
    """The number is not banned from the conference."""


class NoSuchExtension(FocusError):
    """The account has no such number."""


class NoSuchInvitation(FocusError):
    """Nobody is being called under this number."""


class NoSuchPass(FocusError):
    """The conference has given no pass of this id."""


class NoSuchPlayback(FocusError):
    """It is over, or never was."""


class NoSuchSound(FocusError):
    """There is no prompt or uploaded sound of this name."""


class NotOffered(FocusError):
    """It is not to be had here: the settings do not turn it on; the message says which."""


class SpeechFailed(FocusError):
    """The program that makes speech did not, or what it made is no sound; the message says why."""


class NoSuchStream(FocusError):
    """The session has no such stream."""


class NotAllowed(FocusError):
    """The extension may not do that."""


class WrongState(FocusError):
    """The session or party is not in a state for it."""


class Overloaded(FocusError):
    """There is no room for one more, or the server is being stopped."""
