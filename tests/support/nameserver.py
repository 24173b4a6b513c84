"""A name server on a UDP port: answers what it knows, and never what is in its tarpit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """`asked` holds each question as ``name type``."""

    def __init__(self, zone: dict[tuple[str, str], list[str]]) -> None:
        self.zone = zone
        self.asked: list[str] = []
        self.port = 0
        self.ttl = 60

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = str(question.name).rstrip("."), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {kind}")
        if name.endswith("tarpit.example"):
            return
        answer = dns.message.make_response(query)
        if not any(known == name for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        if values := self.zone.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *values))
        self.transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def name_server(**zone: list[str]) -> AsyncIterator[NameServer]:
    """A server of ``<name>.example``; an address of IPv6 makes an AAAA record."""
    records: dict[tuple[str, str], list[str]] = {}
    for name, addresses in zone.items():
        for address in addresses:
            records.setdefault((f"{name}.example", "AAAA" if ":" in address else "A"), []).append(address)
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(records), local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
