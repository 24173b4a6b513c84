"""Webhooks against a real HTTP server that misbehaves as told."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from softphone.errors import ConfigError
from softphone.webhooks import Target, Webhooks, signature, signing, verify
from softphone.webhooks.outbox import Outbox, Parcel
from tests.support.listening import listening

SECRET = "quiet"
NOW = 1_767_225_600.9


@dataclass
class Receiver:
    """Answers with the statuses it is given, 204 afterwards; 0: hangs up, 1: talks nonsense, 103: an interim one."""

    statuses: list[int] = field(default_factory=list)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    fields: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.got.append((first, headers, await reader.readexactly(int(headers["content-length"]))))
        status = self.statuses.pop(0) if self.statuses else 204
        if status == 1:
            writer.write(b"220 mail.example ESMTP\r\n")
        elif status == 103:
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
        elif status:
            writer.write(f"HTTP/1.1 {status} Told\r\n{self.fields}Content-Length: 0\r\n\r\n".encode())

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, _, body in self.got]

    def target(self, path: str = "/hook?x=1", secret: str = SECRET) -> Target:
        return Target(f"http://127.0.0.1:{self.port}{path}", secret)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests send is delivered before the sender ends, on a busy machine too."""
    monkeypatch.setattr("softphone.webhooks.sender.DRAIN_S", 30.0)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with listening(receiver.serve) as receiver.port:
        yield receiver


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():
            await asyncio.sleep(0.005)


def opened(path: Path) -> Outbox:
    """What a next process finds."""
    outbox = Outbox(path)
    outbox.open()
    return outbox


def sender(**settings: object) -> Webhooks:
    return Webhooks(**{"networks": ["127.0.0.0/8"], "retries_s": (0.0, 0.0, 0.0), "clock": lambda: NOW} | settings)  # type: ignore[arg-type]


async def test_a_delivery_is_signed(receiver: Receiver) -> None:
    async with sender() as webhooks:
        delivery = webhooks.send(receiver.target(), "recording.ready", b'{"id": 1}')
    ((first, headers, body),) = receiver.got
    assert first == "POST /hook?x=1 HTTP/1.1" and body == b'{"id": 1}'
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["content-type"] == "application/json"
    assert (headers["x-softphone-event"], headers["x-softphone-delivery"]) == ("recording.ready", delivery)
    standard = signing.headers(SECRET, delivery, "recording.ready", int(NOW), body)
    expected = hmac.new(b"quiet", b'1767225600.{"id": 1}', hashlib.sha256).hexdigest()
    assert headers["x-softphone-signature"] == f"sha256={expected}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (delivery, "1767225600")
    assert headers["webhook-signature"] == standard["webhook-signature"]
    assert verify(SECRET, headers["x-softphone-timestamp"], body, headers["x-softphone-signature"], NOW + 299)


async def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    async with sender() as webhooks:
        webhooks.send(receiver.target(secret=""), "x", b"{}")
    assert "x-softphone-signature" not in receiver.got[0][1]


@pytest.mark.parametrize(
    ("statuses", "attempts"),
    [
        ([200], 1),
        ([103], 1),
        ([500, 503, 204], 3),
        ([0, 1, 200], 3),
        ([429, 408, 425, 200], 4),
        ([500, 500, 500, 500, 500], 4),
        ([404], 1),
        ([410], 1),
        ([301], 1),
    ],
)
async def test_what_is_tried_again(receiver: Receiver, statuses: list[int], attempts: int) -> None:
    receiver.statuses = statuses.copy()
    async with sender() as webhooks:
        webhooks.send(receiver.target(), "x", b"{}")
    assert len(receiver.got) == attempts
    assert len({headers["x-softphone-delivery"] for _, headers, _ in receiver.got}) == 1


async def test_a_redirection_is_not_followed_and_a_cookie_not_sent_back(receiver: Receiver) -> None:
    """Neither a signed body nor what a receiver set goes to another one."""
    receiver.fields = f"Location: http://127.0.0.1:{receiver.port}/other\r\nSet-Cookie: a=b; Path=/\r\n"
    receiver.statuses = [307, 308, 302]
    with capture_logs() as logs:
        async with sender() as webhooks:
            for body in (b"1", b"2", b"3"):
                webhooks.send(receiver.target(), "x", body)
    assert receiver.bodies == [b"1", b"2", b"3"]
    assert [log["reason"] for log in logs] == ["status 307", "status 308", "status 302"]
    assert not any("cookie" in headers for _, headers, _ in receiver.got)


async def test_the_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    async with sender() as webhooks:
        webhooks.send(receiver.target(), "x", b"{}")
    assert receiver.bodies == [b"{}"]


async def test_order_is_kept_behind_a_failure(receiver: Receiver) -> None:
    receiver.statuses = [500, 200, 500, 200]
    async with sender() as webhooks:
        for body in (b"1", b"2", b"3"):
            webhooks.send(receiver.target(), "x", body)
    assert receiver.bodies == [b"1", b"1", b"2", b"2", b"3"]


async def test_the_queue_is_bounded_and_loses_the_oldest(receiver: Receiver) -> None:
    async with sender(queue_max=2) as webhooks:
        for number in range(5):
            webhooks.send(receiver.target(), "x", b"%d" % number)
    assert receiver.bodies == [b"3", b"4"]


@asynccontextmanager
async def silent() -> AsyncIterator[Target]:
    """A receiver that takes connections and says nothing."""

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(wait) as port:
        yield Target(f"http://127.0.0.1:{port}/")


async def test_nobody_waits_for_a_receiver_that_is_away(receiver: Receiver) -> None:
    async with silent() as away, sender(retries_s=(), timeout_s=600.0) as webhooks:
        webhooks.send(away, "x", b"{}")
        webhooks.send(Target("http://127.0.0.1:1/"), "x", b"{}")
        webhooks.send(receiver.target(), "x", b"here")
        await until(lambda: [*webhooks._senders] == [away])
        assert receiver.bodies == [b"here"]
        webhooks.forget(away)


async def test_an_attempt_has_an_end() -> None:
    with capture_logs() as logs:
        async with silent() as away, sender(retries_s=(), timeout_s=0.1) as webhooks:
            webhooks.send(away, "x", b"{}")
    assert [(log["event"], log["reason"]) for log in logs] == [("webhook_failed", "TimeoutError")]


async def test_a_receiver_that_is_no_more_is_forgotten(receiver: Receiver) -> None:
    receiver.statuses = [500]
    async with sender(retries_s=(3600.0,)) as webhooks:
        webhooks.send(receiver.target(), "x", b"{}")
        await until(lambda: bool(receiver.got))
        webhooks.forget(receiver.target())
        webhooks.send(receiver.target(), "x", b"again")
    assert receiver.bodies == [b"{}", b"again"]


async def test_what_was_not_taken_goes_on_with_the_next_start(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data" / "webhooks.jsonl"
    receiver.statuses = [204, 503]
    with capture_logs() as logs, monkeypatch.context() as ending:
        ending.setattr("softphone.webhooks.sender.DRAIN_S", 0.05)
        async with sender(outbox=path, retries_s=(600.0,)) as first:
            ids = [first.send(receiver.target(), "x", body) for body in (b"1", b"2", b"3")]
            assert first.send(receiver.target(), "x", b"3", delivery=ids[2]) == ids[2]
            await until(lambda: len(receiver.got) == 2)
    assert [log["delivery"] for log in logs if log["event"] == "webhook_not_taken_yet"] == ids[1:]
    assert path.stat().st_mode & 0o777 == 0o600
    async with sender(outbox=path):
        pass
    assert receiver.bodies == [b"1", b"2", b"2", b"3"]
    assert [headers["x-softphone-delivery"] for _, headers, _ in receiver.got[2:]] == ids[1:]
    assert receiver.got[3][1]["x-softphone-signature"] == signature(SECRET, int(NOW), b"3")
    assert opened(path).waiting == ()


async def test_a_receiver_that_is_no_more_is_forgotten_for_good(receiver: Receiver, tmp_path: Path) -> None:
    path = tmp_path / "webhooks.jsonl"
    receiver.statuses = [503]
    async with sender(outbox=path, retries_s=(600.0,)) as webhooks:
        for body in (b"1", b"2"):
            webhooks.send(receiver.target(), "x", body)
        await until(lambda: len(receiver.got) == 1)
        webhooks.forget(receiver.target())
    assert opened(path).waiting == ()


def test_what_a_receiver_accepts() -> None:
    good = signature(SECRET, 1000, b"{}")
    assert verify(SECRET, "1000", b"{}", good, 1000.0)
    assert verify(SECRET, "1000", b"{}", good, 701.0)
    for secret, timestamp, body, given, now in [
        ("loud", "1000", b"{}", good, 1000.0),
        (SECRET, "1001", b"{}", good, 1000.0),
        (SECRET, "1000", b"{} ", good, 1000.0),
        (SECRET, "1000", b"{}", good.upper(), 1000.0),
        (SECRET, "1000", b"{}", "", 1000.0),
        (SECRET, "1000", b"{}", "sha256=\xff", 1000.0),
        (SECRET, "1000", b"{}", good, 1301.0),
        (SECRET, "1000", b"{}", good, 699.0),
        (SECRET, "-1000", b"{}", good, 1000.0),
        (SECRET, "", b"{}", good, 1000.0),
        (SECRET, "²", b"{}", good, 1000.0),
    ]:
        assert not verify(secret, timestamp, body, given, now)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "http://",
        "http://u:p@example.com/",
        "http://example.com:99999/",
        "http://example.com/a b",
        "http://example.com/\r\nX: y",
        "http://exämple.com/",
        "http://[::1/",
    ],
)
def test_urls_that_cannot_be_sent_to(url: str) -> None:
    with pytest.raises(ConfigError, match="URL"):
        Target(url)


def test_a_target_does_not_show_its_secret() -> None:
    assert SECRET not in repr(Target("https://example.com/", SECRET))


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 " + b"x" * 200_000,
        b"HTTP/1.1 103 Hints\r\nLink: " + b"y" * 200_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        b"HTTP/1.1 103 Hints\r\n" + b"A: b\r\n" * 5000,
        b"\xff" * 200_000,
    ],
    ids=["status", "header", "interim", "headers", "noise"],
)
async def test_a_long_answer_costs_one_delivery_at_most(said: bytes) -> None:
    """And the sender lives: what is sent behind it arrives."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        got.append(await reader.readexactly(length))
        writer.write(said if got[-1] == b"1" else b"HTTP/1.1 204 No Content\r\n\r\n")

    async with listening(serve) as port, sender(retries_s=()) as webhooks:
        target = Target(f"http://127.0.0.1:{port}/")
        for body in (b"1", b"2", b"3"):
            webhooks.send(target, "x", body)
        await until(lambda: len(got) == 3)
    assert got == [b"1", b"2", b"3"]


async def test_a_mistake_of_ours_costs_one_delivery(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Webhooks._deliver

    async def deliver(self: Webhooks, target: Target, parcel: Parcel) -> None:
        if parcel.event == "bad":
            raise RuntimeError("not foreseen")
        await real(self, target, parcel)

    monkeypatch.setattr(Webhooks, "_deliver", deliver)
    async with sender() as webhooks:
        for event in ("bad", "good"):
            webhooks.send(receiver.target(), event, event.encode())
        await until(lambda: receiver.bodies == [b"good"])
