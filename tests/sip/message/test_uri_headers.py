"""Headers of a URI become headers of the request (RFC 3261 section 19.1.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.errors import BadMessage
from softphone.sip.message.uri import CARRIED, Uri, split_headers
from tests.support.sip_pair import OFFER, Pair, answering, scene

REPLACES = "12345%40192.0.2.1%3Bto-tag%3D1%3Bfrom-tag%3D2"


@pytest.mark.parametrize(
    ("headers", "carried"),
    [
        (f"Replaces={REPLACES}", {"Replaces": "12345@192.0.2.1;to-tag=1;from-tag=2", "Require": "replaces"}),
        (f"replaces={REPLACES}&Subject=a%20b", {"Replaces": "12345@192.0.2.1;to-tag=1;from-tag=2", "Subject": "a b"}),
        ("Subject=", {"Subject": ""}),
        ("From=%3Csip%3Aceo%40us%3E&Via=x&Route=y&Call-ID=z&body=v%3D0&Contact=c&Content-Length=9", {}),
        ("Authorization=Digest%20x&P-Asserted-Identity=y", {}),
        ("Require=other", {}),
        ("", {}),
    ],
)
def test_what_is_taken(headers: str, carried: dict[str, str]) -> None:
    uri, found = split_headers(Uri.parse(f"sip:b@h;user=phone?{headers}"))
    assert str(uri).partition("?")[0] == "sip:b@h;user=phone" and "?" not in str(uri).rstrip("?")
    assert {name: dict(found)[name] for name in carried} == carried
    assert {name for name, _ in found} <= {*CARRIED, "Require"}


@pytest.mark.parametrize("headers", ["Subject", "=x", "Subject=a%0D%0AVia:%20x", "Replaces=%00"])
def test_what_is_no_header(headers: str) -> None:
    with pytest.raises(BadMessage) as told:
        split_headers(Uri.parse(f"sip:b@h?{headers}"))
    assert f"sip:b@h?{headers}"[:60] in str(told.value)


@given(st.text(max_size=60))
def test_nothing_of_it_ends_a_line(text: str) -> None:
    try:
        uri = Uri("sip", "h", None, "b", headers=text)
        _, found = split_headers(uri)
    except BadMessage:
        return
    assert all(end not in value for _, value in found for end in "\r\n\0")


def test_an_invite_to_such_a_uri() -> None:
    async def work(pair: Pair) -> None:
        uri = f"sip:bob@127.0.0.1:{pair.bob.port}?Subject=transfer&From=%3Csip%3Aceo%40us%3E"
        call = await pair.alice.invite(uri, OFFER, from_uri="sip:alice@127.0.0.1")
        asked = pair.calls[0].invite
        assert (asked.uri.headers, asked.to.uri.headers) == ("", "")
        assert (asked.get("Subject"), asked.from_.uri.user) == ("transfer", "alice")
        await call.bye()

    scene(work, answering)
