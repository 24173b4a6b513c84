"""Documents are asked for within limits: where, how long, how much; and nothing that they say leads elsewhere."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from softphone.webhooks.fetch import Fetcher, NotFetched
from softphone.webhooks.reach import Reach
from tests.support.listening import listening

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
# Of less than the most bytes, and it would become more.
GZIP = gzip.compress(b" " * 40, mtime=0)


@asynccontextmanager
async def answering(answer: bytes, heard: list[bytes] | None = None) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(each[15:]) for each in head.lower().split(b"\r\n") if each.startswith(b"content-length:")), 0
        )
        (heard if heard is not None else []).append(head + await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()

    async with listening(serve) as port:
        yield f"http://127.0.0.1:{port}/a?b=c"


def fetcher(*networks: str, **limits: float) -> Fetcher:
    return Fetcher(Reach(networks or ["127.0.0.0/8"]), **limits)  # type: ignore[arg-type]


async def test_a_form_by_either_method() -> None:
    heard: list[bytes] = []
    async with answering(OK, heard) as url:
        assert await fetcher().fetch(url, "POST", {"To": "+1 &"}) == b"hello"
        assert await fetcher().fetch(url, "GET", {"To": "+1 &"}) == b"hello"
    posted, asked = heard
    assert posted.startswith(b"POST /a?b=c HTTP/1.1\r\n") and posted.endswith(b"\r\n\r\nTo=%2B1+%26")
    assert b"Content-Type: application/x-www-form-urlencoded" in posted
    assert asked.startswith((b"GET /a?b=c&To=%2B1+%26 HTTP/1.1\r\n", b"GET /a?b=c&To=%2B1%20%26 HTTP/1.1\r\n"))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", "status 500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b"x" * 99, "longer than 50 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 99, "longer than 50 bytes"),
        (b"nonsense\r\n\r\n", "."),
        (b"", "."),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(GZIP), GZIP), "gzip"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 0\r\n\r\n", "gzip, gzip"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "br"),
    ],
)
async def test_what_is_no_document(answer: bytes, why: str) -> None:
    async with answering(answer) as url:
        with pytest.raises(NotFetched, match=why):
            await fetcher(most_bytes=50).fetch(url, "GET", {})


async def test_who_says_nothing() -> None:
    connected: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: connected.append(writer), "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(NotFetched, match="nothing came"):
            await fetcher(timeout_s=0.2).fetch(url, "GET", {})
        for writer in connected:
            writer.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://10.1.2.3/", "http://[::1]/", "http://169.254.169.254/"])
async def test_where_nothing_is_asked(url: str) -> None:
    with pytest.raises(NotFetched):
        fetcher("192.0.2.0/24").check(url)
    with pytest.raises(NotFetched):
        await fetcher("192.0.2.0/24").fetch(url, "GET", {})


@pytest.mark.parametrize("url", ["", "x", "ftp://127.0.0.1/", "http://", "file:///etc/passwd"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(NotFetched):
        fetcher().check(url)
