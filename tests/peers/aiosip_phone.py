"""An aiosip phone in a process of its own: it registers by digest, calls, and sends a mu-law file by RTP.

Run with one JSON argument, the fields of `Plan`. Lines of JSON on stdout: registered, answered, ended.

aiosip 0.2.0 was written for Python 3.5 and is mended here where it cannot run at all: `old_python` gives it back what
the language has dropped, `patch` what any server needs (RFC 2069 digest without an empty qop, 1xx is not the end of an
INVITE, the CSeq of an ACK). The rest of its faults stay: bodies arrive without line ends, nothing is retransmitted.
"""

import asyncio
import collections
import collections.abc
import functools
import inspect
import json
import re
import socket
import struct
import sys
import time
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKET = 160
SDP = (
    "v=0\r\no=aiosip 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
)


@dataclass(frozen=True)
class Plan:
    """Who we are, whom we call, what we send, and where what we hear goes (raw mu-law)."""

    server: str
    server_port: int
    sip_port: int
    user: str
    password: str
    number: str
    sound: str
    heard: str


def say(event: str, **fields: Any) -> None:
    """One JSON line."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def old_python() -> None:
    """Generator coroutines and `collections.MutableMapping`, gone since Python 3.10 and 3.11."""

    def coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):
            return types.coroutine(function)

        @functools.wraps(function)
        async def awaiting(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return awaiting

    vars(asyncio)["coroutine"] = coroutine
    vars(collections)["MutableMapping"] = collections.abc.MutableMapping


def patch() -> Any:
    """Import aiosip and mend it; the module."""
    warnings.simplefilter("ignore")
    old_python()
    import aiosip
    from aiosip.auth import Auth
    from aiosip.call import Call
    from aiosip.dialog import Dialog

    answer = Auth.from_authenticate_header
    receive = Dialog.receive_message

    def without_qop(authenticate: str, **fields: Any) -> Any:
        return answer(re.sub(r',\s*qop="?[a-z,-]+"?', "", authenticate), **fields)

    def receive_final(self: Any, message: Any) -> None:
        if not 100 < getattr(message, "status_code", 0) < 200:
            receive(self, message)

    def acknowledge(self: Any, message: Any) -> None:
        number, method = message.headers["CSeq"].split()
        if method == "INVITE":
            headers = type(message.headers)(message.headers)
            for name in set(headers) - {"Via", "From", "To"}:
                headers.popall(name, None)
            headers["CSeq"] = f"{number} ACK"
            self.dialog.send_message(method="ACK", headers=headers)

    Auth.from_authenticate_header = without_qop
    Dialog.receive_message = receive_final
    Call._ack = acknowledge
    return aiosip


async def converse(media: socket.socket, remote: tuple[str, int], plan: Plan) -> int:
    """Send the sound in packets of 20 ms, keep what comes; the number of packets that came."""
    sound = Path(plan.sound).read_bytes()
    heard = []
    began = time.monotonic()
    for number, place in enumerate(range(0, len(sound), PACKET)):
        header = struct.pack("!BBHII", 0x80, 0x80 if number == 0 else 0, number, place, 4711)
        media.sendto(header + sound[place : place + PACKET], remote)
        await asyncio.sleep(max(began + 0.02 * (number + 1) - time.monotonic(), 0.0))
        while True:
            try:
                packet = media.recv(2048)
            except BlockingIOError:
                break
            if packet[1] & 0x7F == 0:
                heard.append(packet[12:])
    Path(plan.heard).write_bytes(b"".join(heard))
    return len(heard)


async def main() -> None:
    """Register, call, converse, hang up."""
    plan = Plan(**json.loads(sys.argv[1]))
    aiosip = patch()
    server = (plan.server, plan.server_port)
    domain = f"{plan.server}:{plan.server_port}"
    app = aiosip.Application(loop=asyncio.get_running_loop())

    def dialog(own: str, other: str, port: int) -> Any:
        contact = f"sip:{own}@127.0.0.1:{port}"
        ours = ("127.0.0.1", port)
        return app.start_dialog(
            from_uri=f"sip:{own}@{domain}",
            to_uri=f"sip:{other}@{domain}",
            contact_uri=contact,
            local_addr=ours,
            remote_addr=server,
            password=plan.password,
        )

    registering = await dialog(plan.user, plan.user, plan.sip_port)
    answer = await asyncio.wait_for(registering.register(expires=60), 30.0)
    say("registered", status=answer.status_code)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind(("127.0.0.1", 0))
        media.setblocking(False)
        # To a 407 it would answer as the user called, so it calls as somebody the server does not know.
        calling = await dialog("aiosip", plan.number, plan.sip_port + 1)
        headers = {"Content-Type": "application/sdp"}
        sdp = SDP.format(port=media.getsockname()[1])
        call = await asyncio.wait_for(aiosip.Call.invite(calling, headers=headers, sdp=sdp), 30.0)
        found = re.search(r"m=audio (\d+)", call.sdp)
        assert found, call.sdp
        say("answered", port=int(found[1]))
        packets = await converse(media, (plan.server, int(found[1])), plan)
        await asyncio.wait_for(call.close(), 30.0)
        say("ended", packets=packets)


if __name__ == "__main__":
    asyncio.run(main())
