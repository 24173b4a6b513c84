"""A web server with RCML documents, which notes what it is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from tests.support.listening import listening

HEAD = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"


@dataclass
class Documents:
    """What is at each path, and what was asked: method, path, form."""

    url: str = ""
    at: dict[str, bytes] = field(default_factory=dict)
    asked: "asyncio.Queue[tuple[str, str, dict[str, str]]]" = field(default_factory=asyncio.Queue)

    def put(self, name: str, inside: str) -> str:
        """Have a document with these verbs; give its URL."""
        self.at[f"/{name}"] = f"<Response>{inside}</Response>".encode()
        return f"{self.url}/{name}"

    def room(self, name: str, **attributes: object) -> str:
        """Have a document that leads into a conference; give its URL."""
        given = "".join(f' {key}="{value}"' for key, value in attributes.items())
        return self.put(f"{name}-{len(self.at)}", f"<Dial><Conference{given}>{name}</Conference></Dial>")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split(" ", 2)
        length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
        form = (await reader.readexactly(length)).decode() or urlsplit(target).query
        path = urlsplit(target).path
        self.asked.put_nowait((method, path, dict(parse_qsl(form))))
        body = self.at.get(path)
        writer.write(HEAD % (404 if body is None else 200, len(body or b"")) + (body or b""))
        await writer.drain()


@asynccontextmanager
async def documents() -> AsyncIterator[Documents]:
    found = Documents()
    async with listening(found.serve) as port:
        found.url = f"http://127.0.0.1:{port}"
        yield found
