"""A telephone that reads SIP as RingCentral's own do: too little of it, and that to the letter.

It takes headers by splitting at a colon and a blank, the last of a name wins; it takes the first response above 100 to
a request, whatever it is; and writes the requests that were captured of the real ones.
"""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Callable
from itertools import count
from typing import Any

from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop
from softphone.testing.bridge import offer

DOMAIN = "softphone.local"
WEB, STREAM, ORDINARY = "ringcentral-web-phone-2", "ringcentral-softphone-ts", "Deskphone 1.0"
SECURE = """v=0
o=- 1795224063616 0 IN IP4 127.0.0.1
s=rc-softphone-ts
c=IN IP4 127.0.0.1
t=0 0
m=audio 8916 RTP/SAVP 109 101
a=rtpmap:109 OPUS/16000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz
""".replace("\n", "\r\n")
PLAIN = offer()
_numbers = count(1)


class Read:
    """A message as it is read."""

    def __init__(self, data: bytes) -> None:
        self.text = data.decode()
        head, _, self.body = self.text.partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        self.lines = [line.split(": ") for line in lines]
        self.headers = {name: rest[0] for name, *rest in self.lines if rest}

    def get(self, name: str) -> str:
        return next((value for each, value in self.headers.items() if each.lower() == name.lower()), "")

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1]) if self.first.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        return self.first.split(" ")[0]


class MakerPhone:
    """One of them, on a wire in memory by a connection.

    Parameters
    ----------
    board
        A switchboard of `tests.focus.switchboard`.
    number
        Its extension.
    agent
        What it calls itself.
    username
        The user part of its From; its extension when empty.
    domain
        That of the addresses that it writes.
    """

    kind = "TCP"

    def __init__(
        self, board: Any, number: str = "101", agent: str = WEB, username: str = "", domain: str = DOMAIN
    ) -> None:
        self.board, self.number, self.agent = board, number, agent
        self.username, self.domain = username or number, domain
        self.password = ""
        self.port = 20_000 + next(_numbers)
        self.came: list[tuple[float, Read]] = []
        self._more = asyncio.Event()
        self.cseq = secrets.randbelow(9_000)
        self.hop = Hop("tcp", "127.0.0.1", self.port, self.port)
        self.here = f"{secrets.token_hex(4)}.invalid"
        self.flow = Flow(self.hop, lambda: None)
        self.answers = {"BYE": 200, "NOTIFY": 200, "INFO": 200, "CANCEL": 200}
        self.plug()

    def plug(self) -> None:
        """Be there, on the wire of the switchboard."""
        self.board.ether.carriers[self.port] = self
        self.board.ether.flows[self.board.stack.port, self.port] = self.flow

    # --- what comes

    def receive(self, data: bytes, _source: Hop) -> None:
        read = Read(data)
        self.came.append((asyncio.get_running_loop().time(), read))
        self._more.set()
        if not read.status and read.method in self.answers:
            self.reply(read, self.answers[read.method])

    def all(self, first: str) -> list[Read]:
        return [read for _, read in self.came if read.first.startswith(first)]

    def responses(self, method: str, number: int | None = None) -> list[Read]:
        of = f"{self.cseq if number is None else number} {method}"
        return [read for _, read in self.came if read.status and read.get("CSeq") == of]

    def when(self, read: Read) -> float:
        return next(at for at, each in self.came if each is read)

    async def first(self, number: int) -> Read:
        """Wait for the first response above 100 that has this number: nothing else is looked at."""

        def found() -> Read | None:
            said = (read for _, read in self.came if read.status > 100)
            return next((read for read in said if read.get("CSeq").split(" ")[0] == str(number)), None)

        return await self.until(found)

    async def some(self, first: str) -> Read:
        """Wait for a message that begins so."""
        return await self.until(lambda: next(iter(self.all(first)), None))

    async def until(self, found: Callable[[], Read | None]) -> Read:
        """Wait for a message."""
        async with asyncio.timeout(60):
            while (read := found()) is None:
                self._more.clear()
                await self._more.wait()
        return read

    # --- what goes

    def send(self, first: str, headers: dict[str, str], body: str = "") -> None:
        lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
        lines += [f"Content-Length: {len(body.encode())}", f"User-Agent: {self.agent}", "Max-Forwards: 70"]
        data = "\r\n".join((*lines, "", body)).encode()
        self.deliver(data)

    def deliver(self, data: bytes) -> None:
        self.board.ether.carriers[self.board.stack.port].receive(data, self.hop)

    def next(self) -> int:
        self.cseq += 1
        return self.cseq

    def via(self) -> str:
        return f"SIP/2.0/{self.kind} {self.here}:{self.port};branch=z9hG4bK-{secrets.token_hex(8)}"

    def proof(self, answer: Read, name: str, method: str, password: str = "") -> str:
        found = re.search(r', nonce="(.+?)"', answer.get(name))
        assert found is not None, answer.text
        uri = f"sip:{self.domain}"
        a1, a2 = (
            _md5(f"{self.number}:{DOMAIN}:{password or self.password or f'dev-{self.number}'}"),
            _md5(f"{method}:{uri}"),
        )
        response = _md5(f"{a1}:{found[1]}:{a2}")
        values = {"username": self.number, "realm": DOMAIN, "nonce": found[1], "uri": uri, "response": response}
        return 'Digest algorithm="MD5", ' + ", ".join(f'{key}="{value}"' for key, value in values.items())

    def reply(self, to: Read, status: int, body: str = "", headers: dict[str, str] | None = None) -> None:
        copied = {name: to.get(name) for name in ("Via", "From", "To", "Call-Id", "CSeq")}
        if ";tag=" not in copied["To"]:
            copied["To"] += f";tag={secrets.token_hex(4)}" if to.method == "CANCEL" else ";tag=theirs"
        more = {"Content-Type": "application/sdp"} if body else {}
        self.send(f"SIP/2.0 {status} Whatever", {**copied, **(headers or {}), **more}, body)

    async def register(self, expires: int = 60, instance: str = "802000902", call_id: str = "") -> Read:
        contact = f"<sip:{self.here.split('.')[0]}@{self.here};transport=wss>"
        me = f"<sip:{self.username}@{self.domain}>"
        headers = {
            "Call-Id": call_id or secrets.token_hex(8),
            "Contact": f'{contact};+sip.instance="<urn:uuid:{instance}>";expires={expires}',
            "From": f"{me};tag={secrets.token_hex(4)}",
            "To": me,
        }
        number = self.next()
        self.send(f"REGISTER sip:{self.domain} SIP/2.0", {**headers, "Via": self.via(), "CSeq": f"{number} REGISTER"})
        answer = await self.first(number)
        if answer.status != 401:
            return answer
        headers["Authorization"] = self.proof(answer, "WWW-Authenticate", "REGISTER")
        number = self.next()
        self.send(f"REGISTER sip:{self.domain} SIP/2.0", {**headers, "Via": self.via(), "CSeq": f"{number} REGISTER"})
        return await self.first(number)

    def named(self, user: str) -> dict[str, str]:
        """The headers that both INVITEs of a call have."""
        return {
            "Call-Id": secrets.token_hex(8),
            "Contact": f"<sip:r1@{self.here};transport=wss>;expires=60",
            "From": f"<sip:{self.username}@{self.domain}>;tag={secrets.token_hex(4)}",
            "To": f"<sip:{user}@{self.domain}>",
            "Content-Type": "application/sdp",
            "Supported": "replaces, 100rel, timer, norefersub",
            "Session-Expires": "1800",
            "Min-SE": "90",
        }

    async def invite(self, user: str, headers: dict[str, str] | None = None, sdp: str = PLAIN) -> Read:
        """Call somebody, as far as the first response."""
        number, named = self.next(), headers or self.named(user)
        line = f"INVITE sip:{user}@{self.domain} SIP/2.0"
        self.send(line, {**named, "Via": self.via(), "CSeq": f"{number} INVITE"}, sdp)
        return await self.first(number)

    async def call(self, user: str, sdp: str = PLAIN) -> "MakerCall":
        """Call somebody, as far as the first response to the INVITE that has a proof."""
        headers, line = self.named(user), f"INVITE sip:{user}@{self.domain} SIP/2.0"
        asked = await self.invite(user, headers, sdp)
        headers["Proxy-Authorization"] = self.proof(asked, "Proxy-Authenticate", "INVITE")
        number, via = self.next(), self.via()
        self.send(line, {**headers, "Via": via, "CSeq": f"{number} INVITE"}, sdp)
        return MakerCall(self, await self.first(number), via, number, sdp)


class MakerCall:
    """A call that it has placed; `progress` is what it takes for its description."""

    def __init__(self, phone: MakerPhone, progress: Read, via: str, number: int, sdp: str) -> None:
        self.phone, self.progress, self.via, self.number, self.sdp = phone, progress, via, number, sdp
        self.named = {name: progress.get(name) for name in ("Call-Id", "From", "To")}
        found = re.search(r"<(sip:.+?)>", self.named["To"])
        assert found is not None
        self.callee = found[1]

    async def final(self) -> Read:
        """Wait for what comes next after the progress: that is the end of it, whatever it is."""

        def found() -> Read | None:
            later = [each for each in self.phone.responses("INVITE", self.number) if each.status > 100]
            return later[1] if len(later) > 1 else None

        return await self.phone.until(found)

    async def answered(self) -> Read:
        """Wait for the 200 and acknowledge it with the branch of the INVITE, to the URI of To."""
        ok = await self.final()
        assert ok.first == "SIP/2.0 200 OK"
        self.ack(ok, self.via)
        return ok

    def ack(self, ok: Read, via: str) -> None:
        number = ok.get("CSeq").replace(" INVITE", " ACK")
        self.phone.send(f"ACK {self.callee} SIP/2.0", {**self.named, "Via": via, "CSeq": number})

    async def request(self, method: str, uri: str = "", body: str = "", **headers: str) -> Read:
        """Send a request in the dialog."""
        number = self.phone.next()
        named = {**self.named, "Via": self.phone.via(), "CSeq": f"{number} {method}"}
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        self.phone.send(f"{method} {uri or f'sip:{self.phone.domain}'} SIP/2.0", {**named, **spelled}, body)
        return await self.phone.first(number)

    async def hold(self, on: bool = True) -> Read:
        sdp = self.sdp.replace("a=sendrecv", "a=sendonly") if on else self.sdp
        answer = await self.request("INVITE", self.callee, sdp, Content_Type="application/sdp")
        self.ack(answer, answer.get("Via"))
        return answer

    def cancel(self) -> None:
        named = {**self.named, "To": self.named["To"].partition(";tag=")[0], "Via": self.via}
        self.phone.send(f"CANCEL {self.callee} SIP/2.0", {**named, "CSeq": f"{self.number} CANCEL"})


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def faults(read: Read) -> list[str]:
    """Say what of a message such a telephone would read wrongly."""
    names = [line[0].lower() for line in read.lines]
    odd = [line for line in read.lines if len(line) != 2 or line[1] != line[1].strip()]
    numbered = read.status or read.method in ("ACK", "CANCEL") or int(read.get("CSeq").split(" ")[0]) >= 1_000_000
    checks = {
        f"not a name, a colon, a blank and a value: {odd}": not odd,
        "a name is repeated": len(set(names)) == len(names),
        "Content-Length is not the last header": read.lines[-1][0] == "Content-Length",
        "the body does not end with a line end": not read.body or read.body.endswith("\r\n") or "json" in read.text,
        "no tag in To": read.status <= 100 or ";tag=" in read.get("To"),
        "a number that may be one of its own": numbered,
    }
    return [fault for fault, holds in checks.items() if not holds]
