"""Media addresses that are ours, or those of an older leg."""

import pytest

from softphone.errors import CallRefused, OwnAddress
from softphone.focus.party.legs import check_foreign
from softphone.media.contract.leg import LegInfo, MediaAddress
from softphone.server import Server
from softphone.sip.message.fields import warning
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, conference

PUBLIC, LOOPBACK = LegInfo(1, "203.0.113.5", 10000, 10001), LegInfo(2, "127.0.0.1", 10002, 10003)


def at(port: int, host: str = "127.0.0.1") -> str:
    return offer().replace("m=audio 9 ", f"m=audio {port} ").replace("127.0.0.1", host)


@pytest.mark.parametrize(
    ("host", "port", "ours"),
    [
        ("203.0.113.5", 10000, True),
        ("203.0.113.5", 10001, True),
        ("127.0.0.1", 10000, True),
        ("127.3.2.1", 10001, True),
        ("127.0.0.1", 10002, True),
        ("203.0.113.5", 10002, False),
        ("127.0.0.2", 10002, False),
        ("203.0.113.6", 10000, False),
        ("203.0.113.5", 9, False),
    ],
)
def test_our_own_address_is_nobodys(host: str, port: int, ours: bool) -> None:
    try:
        check_foreign(MediaAddress(host, port), [PUBLIC, LOOPBACK])
    except OwnAddress as error:
        assert ours
        assert f"{host}:{port}" in str(error)
    else:
        assert not ours


def test_a_warning_is_one_quoted_line() -> None:
    assert warning(ValueError('a "b"\r\nc')) == ("Warning", r'399 softphone "a \"b\" c"')


@pytest.mark.parametrize(
    ("host", "port", "ours"),
    [
        ("203.0.113.5", 5060, True),
        ("127.0.0.1", 5060, True),
        ("203.0.113.5", 8080, True),
        ("203.0.113.6", 5060, False),
        ("203.0.113.5", 5061, False),
    ],
)
def test_nor_is_where_we_take_anything_else(host: str, port: int, ours: bool) -> None:
    listening = [MediaAddress("203.0.113.5", port) for port in (5060, 8080)]
    try:
        check_foreign(MediaAddress(host, port), [], listening)
    except OwnAddress:
        assert ours
    else:
        assert not ours


@pytest.mark.asyncio(loop_scope="module")
async def test_nobody_has_us_send_media_to_our_signalling_or_to_our_http(shared: Server) -> None:
    session = await conference(shared)
    http = int(shared.http_url.rpartition(":")[2])
    async with Phone(shared) as phone:
        for port in (shared.stack.port, http):
            with pytest.raises(CallRefused, match="488"):
                await phone.call(session.token, at(port))
        with pytest.raises(CallRefused, match="488"):
            await phone.call(session.token, offer() + f"a=rtcp:{http}\r\n")
        call = await phone.call(session.token, offer())
        with pytest.raises(CallRefused, match="488"):
            await call.reinvite(at(http))
        await call.bye()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_leg_never_hears_itself(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone, Phone(shared) as other:
        call = await phone.call(session.token, offer())
        (member,) = shared.focus.room(session.id).members.values()
        assert member.media.info is not None
        own = member.media.info.port
        with pytest.raises(CallRefused, match="488"):
            await other.call(session.token, at(own))
        with pytest.raises(CallRefused, match="488"):
            await call.reinvite(at(own))
        assert (member.media.spec.remote, member.over) == (MediaAddress("127.0.0.1", 9), False)
        again = await other.call(session.token, offer())  # nothing is left of the refused call
        assert len(shared.focus.room(session.id).members) == len(shared.focus.context.legs) == 2
        await again.bye()
        await call.bye()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("number", "port", "host", "held", "ends"),
    [
        ("103", 4444, "127.0.0.1", False, True),
        ("103", 4444, "192.168.7.7", False, True),
        ("103", 4446, "127.0.0.1", False, False),
        ("104", 4444, "127.0.0.1", False, False),
        ("103", 4444, "127.0.0.1", True, False),
    ],
)
async def test_a_telephone_that_begins_anew_ends_its_older_leg(
    shared: Server, number: str, port: int, host: str, held: bool, ends: bool
) -> None:
    session = await conference(shared)
    async with Phone(shared, "103") as crashed, Phone(shared, number) as anew:
        old = await crashed.call(session.token, at(4444, host))
        if held:
            await old.reinvite(at(4444, host).replace("sendrecv", "sendonly"))
        new = await anew.call(session.token, at(port, host))
        if ends:
            assert await crashed.hung_up() == "bye"
        else:
            assert crashed.ended.empty()
            assert len(shared.focus.room(session.id).members) == 2
            await old.bye()
        await new.bye()
