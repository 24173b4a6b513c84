"""What can go wrong with an invitation.

::

    InviteError            (a SoftphoneError) our user's mistake: a value that cannot be in an invitation; it is named
    MailError              (a SoftphoneError) the mail server cannot be used, or none is configured
"""

from softphone.errors import SoftphoneError

__all__ = ["InviteError", "MailError"]


class InviteError(SoftphoneError):
    """A value cannot be in an invitation; the message names it."""


class MailError(SoftphoneError):
    """No mail server is configured, or it cannot be reached or refuses to work for us."""
