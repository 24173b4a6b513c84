"""Invitations by mail: each recipient gets a message of its own, over one connection to the configured mail server."""

import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid

import aiosmtplib

from softphone.config import MailConfig
from softphone.invite.calendar import ics, method
from softphone.invite.invitation import Invitation, InviteError, MailError, Person, person, text

__all__ = ["Delivery", "message", "send"]

# What a reader saves it as.
FILE = "invitation.ics"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the mail to one recipient."""

    to: str
    "The address."
    error: str = ""
    "What the mail server said against it; empty: it took the mail."


def message(invited: Invitation, to: Person, sender: Person) -> EmailMessage:
    """Write the mail: the same as text and as a calendar file, of which the reader's program shows what it can show.

    Programs with a calendar offer to take what is the last part of a ``multipart/alternative`` (RFC 6047 section 2.4);
    as an attachment they would only offer to save it. Answers go to the organizer.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(sender)
    mail["To"] = _address(to)
    if invited.organizer is not None:
        mail["Reply-To"] = _address(invited.organizer)
    mail["Subject"] = f"Invitation: {invited.title}"
    mail["Date"] = invited.created
    mail["Message-ID"] = make_msgid(domain=sender.address.rpartition("@")[2])
    mail.set_content(text(invited), cte="quoted-printable")
    asked = method(invited, to)
    mail.add_alternative(
        ics(invited, to),
        subtype="calendar",
        cte="base64",
        params={"name": FILE} | ({"method": asked} if asked else {}),
    )
    return mail


async def send(invited: Invitation, recipients: Sequence[str], config: MailConfig) -> list[Delivery]:
    """Send an invitation to each of `recipients`.

    Parameters
    ----------
    invited
        What to.
    recipients
        ``name@example.com`` or ``Name <name@example.com>``.
    config
        The mail server.

    Returns
    -------
    list[Delivery]
        One for each recipient, in the same order: one that the server refuses does not keep the others from theirs.

    Raises
    ------
    InviteError
        A recipient is no mail address; nothing was sent.
    MailError
        There is no mail server, or no connection or login to it.
    """
    people = [person(recipient) for recipient in recipients]
    sender = _sender(config)
    server = _server(config)
    try:
        await server.connect()
    except (aiosmtplib.SMTPException, OSError) as error:
        raise MailError(f"mail server {config.host}:{config.port}: {_reason(error)}") from error
    try:
        return [await _deliver(server, invited, to, sender) for to in people]
    finally:
        with suppress(aiosmtplib.SMTPException, OSError):
            await server.quit()


async def _deliver(server: aiosmtplib.SMTP, invited: Invitation, to: Person, sender: Person) -> Delivery:
    try:
        await server.send_message(message(invited, to, sender), sender=sender.address, recipients=[to.address])
    except (aiosmtplib.SMTPException, OSError) as error:
        return Delivery(to.address, _reason(error))
    return Delivery(to.address)


def _sender(config: MailConfig) -> Person:
    if not config.host or not config.sender:
        raise MailError("mail.host and mail.sender are not set, so that nothing can be sent")
    try:
        return person(config.sender)
    except InviteError as error:
        raise MailError(f"mail.sender: {error}") from error


def _server(config: MailConfig) -> aiosmtplib.SMTP:
    try:
        context = None if config.tls == "none" else ssl.create_default_context(cafile=config.ca_file or None)
    except OSError as error:
        raise MailError(f"mail.ca_file = {config.ca_file!r}: {error.strerror or error}") from error
    return aiosmtplib.SMTP(
        hostname=config.host,
        port=config.port,
        use_tls=config.tls == "tls",
        start_tls=config.tls == "starttls",
        tls_context=context,
        username=config.username or None,
        password=config.password or None,
        timeout=config.timeout_s,
    )


def _address(person: Person) -> Address:
    return Address(person.name, addr_spec=person.address)


def _reason(error: Exception) -> str:
    """Say in one line what the mail server or the network said."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _reason(error.recipients[0])
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}".replace("\n", " ")
    return str(error) or type(error).__name__
