import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import icalendar
import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from softphone.config import MailConfig
from softphone.invite import Delivery, InviteError, MailError, Person, ics, message, send, text
from tests.invite.values import spare, weekly

SENDER = "Conferences <conferences@example.com>"
BEN = Person("ben@example.com", "Ben")


class Postbox:
    """Keeps what the mail server takes; refuses `stranger`, and hangs up at the sight of `killer`."""

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, EmailMessage]] = []
        self.logins: list[bytes] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]) -> str:
        if to.startswith("stranger"):
            return "550 no such user here"
        if to.startswith("killer"):
            assert server.transport is not None
            server.transport.close()
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope, mail))
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, kind: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login)
        return AuthResult(success=data.password == b"secret", handled=False)


@pytest.fixture
def box() -> Postbox:
    return Postbox()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@asynccontextmanager
async def mail_server(box: Postbox, *, starttls: ssl.SSLContext | None = None, **settings: Any) -> AsyncIterator[int]:
    """A real mail server on a free port; `ssl` in `settings` makes it speak TLS from the first byte."""
    listen = {name: settings.pop(name) for name in ("ssl",) if name in settings}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, hostname="localhost", tls_context=starttls, loop=loop, **settings), "127.0.0.1", 0, **listen
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def config(port: int, **others: Any) -> MailConfig:
    settings: dict[str, Any] = {"host": "localhost", "port": port, "sender": SENDER, "tls": "none"}
    return MailConfig(**(settings | others))


async def test_the_mail_is_what_was_meant(box: Postbox) -> None:
    async with mail_server(box) as port:
        assert await send(weekly(), ["Ben <ben@example.com>"], config(port)) == [Delivery("ben@example.com")]
    ((envelope, mail),) = box.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("conferences@example.com", ["ben@example.com"])
    assert mail["From"] == "Conferences <conferences@example.com>"
    assert mail["To"] == "Ben <ben@example.com>"
    assert mail["Reply-To"].addresses[0].addr_spec == "ada@example.com"
    assert mail["Subject"] == "Invitation: Weekly, with sales; and Ümläut"
    assert mail["Date"].datetime == weekly().created
    assert mail["Message-ID"].endswith("@example.com>")
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == text(weekly())
    assert mail.get_content_type() == "multipart/alternative"
    plain, attached = mail.iter_parts()
    assert (plain.get_content_type(), attached.get_content_type()) == ("text/plain", "text/calendar")
    assert attached.get_filename() == "invitation.ics" and not attached.is_attachment()
    assert attached["Content-Type"].params["method"] == "REQUEST"
    file = attached.get_payload(decode=True)
    assert isinstance(file, bytes)
    assert file == ics(weekly(), BEN).encode()
    calendar = icalendar.Calendar.from_ical(file)
    assert calendar["METHOD"] == "REQUEST"
    (event,) = calendar.walk("VEVENT")
    assert event["ATTENDEE"] == "mailto:ben@example.com"


async def test_without_an_organizer_no_answer_is_asked_for(box: Postbox) -> None:
    async with mail_server(box) as port:
        await send(spare(), ["ben@example.com"], config(port))
    ((_, mail),) = box.mails
    assert mail["Reply-To"] is None
    _plain, attached = mail.iter_parts()
    assert "method" not in attached["Content-Type"].params
    assert "METHOD" not in str(attached.get_payload(decode=True))


async def test_everybody_has_a_mail_of_their_own_and_one_refusal_stops_nobody(box: Postbox) -> None:
    async with mail_server(box) as port:
        told = await send(weekly(), ["ben@example.com", "stranger@example.com", "cai@example.com"], config(port))
    assert told == [
        Delivery("ben@example.com"),
        Delivery("stranger@example.com", "550 no such user here"),
        Delivery("cai@example.com"),
    ]
    assert [mail["To"] for _, mail in box.mails] == ["ben@example.com", "cai@example.com"]


async def test_who_could_not_be_served_is_named_when_the_connection_breaks(box: Postbox) -> None:
    async with mail_server(box) as port:
        told = await send(weekly(), [f"{name}@example.com" for name in ("ben", "killer", "cai")], config(port))
    assert [bool(delivery.error) for delivery in told] == [False, True, True]
    assert len(box.mails) == 1


@pytest.mark.parametrize("how", ["starttls", "tls"])
async def test_encrypted_with_a_login(box: Postbox, tls: ssl.SSLContext, ca_file: str, how: str) -> None:
    secure: dict[str, Any] = {"ssl": tls, "auth_require_tls": False} if how == "tls" else {"starttls": tls}
    async with mail_server(box, **secure, authenticator=box.authenticate) as port:
        login = config(port, tls=how, ca_file=ca_file, username="us", password="secret")
        assert await send(weekly(), ["ben@example.com"], login) == [Delivery("ben@example.com")]
        with pytest.raises(MailError, match="535"):
            await send(
                weekly(), ["ben@example.com"], config(port, tls=how, ca_file=ca_file, username="us", password="x")
            )
    assert set(box.logins) == {b"us"}
    assert len(box.mails) == 1


@pytest.mark.parametrize("how", ["starttls", "tls"])
async def test_a_server_that_nobody_vouches_for_gets_nothing(box: Postbox, tls: ssl.SSLContext, how: str) -> None:
    async with mail_server(box, **({"ssl": tls} if how == "tls" else {"starttls": tls})) as port:
        with pytest.raises(MailError, match="certificate"):
            await send(weekly(), ["ben@example.com"], config(port, tls=how, username="us", password="secret"))
    assert not box.mails
    assert not box.logins


async def test_a_server_without_encryption_gets_nothing_when_it_is_asked_for(box: Postbox) -> None:
    async with mail_server(box) as port:
        with pytest.raises(MailError, match="STARTTLS"):
            await send(weekly(), ["ben@example.com"], config(port, tls="starttls"))
    assert not box.mails


async def test_a_wrong_address_is_refused_before_anything_is_sent(box: Postbox) -> None:
    async with mail_server(box) as port:
        for wrong in ("nobody", "a@b\r\nBcc: c@d", "a@b, c@d"):
            with pytest.raises(InviteError):
                await send(weekly(), ["ben@example.com", wrong], config(port))
    assert not box.mails


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"host": ""}, "mail.host"),
        ({"sender": ""}, "mail.sender"),
        ({"sender": "us"}, "mail.sender"),
        ({"tls": "tls", "ca_file": "/no/such.pem"}, "mail.ca_file"),
        ({}, "mail server localhost:1:"),
    ],
)
async def test_a_server_that_cannot_be_used_is_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(MailError, match=named):
        await send(weekly(), ["ben@example.com"], config(1, **settings))


async def test_a_server_that_says_nothing_is_given_up() -> None:
    given_up = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        given_up.set()

    silent = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with silent:
        with pytest.raises(MailError, match="mail server"):
            await send(weekly(), ["ben@example.com"], config(silent.sockets[0].getsockname()[1], timeout_s=0.1))
        await given_up.wait()


@pytest.mark.parametrize("title", ["x" * 200, "Ümläut " * 25, 'a?= <x@y>, z: w; "q" (c) \\\\'])
def test_a_title_stays_one_header(title: str) -> None:
    raw = bytes(message(weekly(title), BEN, Person("us@example.com", "Us; <them>")))
    read = message_from_bytes(raw, policy=default)
    assert set(read.keys()) == {
        "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert read["Subject"] == f"Invitation: {title.strip()}"
    assert read["From"].addresses[0].display_name == "Us; <them>"
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78
