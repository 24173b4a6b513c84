"""JSON Web Tokens that log a user in."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.api.auth.assertions import Assertion, Assertions, BadAssertion

SECRET = "0123456789abcdef0123456789abcdef"
OURS = Assertions(SECRET, "1")
NOW = 1_800_000_000.0
CLAIMS = {"iss": "softphone:1", "aud": "softphone:1", "sub": "100101", "exp": NOW + 60}


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(claims: object, header: object = None, secret: str = SECRET) -> str:
    """As a library of others would do it."""
    text = f"{encoded({'alg': 'HS256'} if header is None else header)}.{encoded(claims)}"
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_what_is_made_is_good_until_its_end() -> None:
    token = OURS.make("100101", NOW, 60.0)
    assert OURS.check(token, NOW) == OURS.check(token, NOW + 59) == Assertion("100101", "")
    for later in (60.0, 1e6):
        with pytest.raises(BadAssertion, match="over"):
            OURS.check(token, NOW + later)
    assert OURS.check(OURS.make("7", NOW, 60.0, "dialer"), NOW) == Assertion("7", "dialer")
    assert OURS.make("7", NOW, 60.0) != OURS.make("7", NOW, 60.0)


@pytest.mark.parametrize("change", [{}, {"aud": ["x", "softphone:1"]}, {"nbf": NOW}, {"exp": NOW + 0.5}, {"more": [1]}])
def test_what_others_have_signed_with_the_secret(change: dict[str, Any]) -> None:
    assert OURS.check(signed(CLAIMS | change), NOW).extension_id == "100101"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"exp": None}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"exp": "4000000000"}, "exp is no time"),
        ({"nbf": NOW + 1}, "not yet good"),
        ({"aud": "softphone:2"}, "iss and aud"),
        ({"aud": []}, "iss and aud"),
        ({"iss": "https://platform.ringcentral.com"}, "iss and aud"),
    ],
)
def test_claims_that_will_not_do(change: dict[str, Any], why: str) -> None:
    with pytest.raises(BadAssertion, match=why):
        OURS.check(signed(CLAIMS | change), NOW)


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS512"}, {"alg": "RS256"}, {"alg": ["HS256"]}, {}, [1]])
def test_no_other_algorithm_is_believed(header: object) -> None:
    for token in (signed(CLAIMS, header), signed(CLAIMS, header).rpartition(".")[0] + "."):
        with pytest.raises(BadAssertion):
            OURS.check(token, NOW)


def test_another_secret_or_account_is_not_believed() -> None:
    for other in (Assertions("another secret of the same length.", "1"), Assertions(SECRET, "2")):
        with pytest.raises(BadAssertion):
            OURS.check(other.make("100101", NOW, 60.0), NOW)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c", "é.é.é", "." * 5000, signed([1]), signed("x")])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(BadAssertion):
        OURS.check(token, NOW)


@given(st.data())
def test_no_changed_character_is_believed(data: st.DataObject) -> None:
    token = OURS.make("100101", NOW, 60.0)
    # The last character of the signature has bits that say nothing.
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.characters(codec="ascii").filter(lambda each: each != token[place]))
    with pytest.raises(BadAssertion):
        OURS.check(token[:place] + other + token[place + 1 :], NOW)


@given(st.text(max_size=200))
def test_anything_is_refused_and_nothing_breaks(text: str) -> None:
    with pytest.raises(BadAssertion):
        OURS.check(text, NOW)
