"""Invitations to conferences: as text, as a calendar file, and as mail."""

from softphone.invite.calendar import ics
from softphone.invite.invitation import Invitation, InviteError, MailError, Person, invitation, person, text
from softphone.invite.mail import Delivery, message, send

__all__ = [
    "Delivery",
    "Invitation",
    "InviteError",
    "MailError",
    "Person",
    "ics",
    "invitation",
    "message",
    "person",
    "send",
    "text",
]
