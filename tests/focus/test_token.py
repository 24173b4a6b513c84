import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.focus.token import TokenError, VoiceCallToken, new_session_id, party_id_of, session_of

# The one that the documentation of the original service shows.
SEED = "conf_732d34366432356138383138353334323263396636313439376336663736613332374031302e31332e3132332e3235303a35303730"
SESSION = "s-" + "0f" * 16


def test_the_documented_token() -> None:
    token = VoiceCallToken.parse(SEED)
    assert token == VoiceCallToken("s-46d25a881853422c9f61497c6f76a327", "10.13.123.250", 5070)
    assert str(token) == SEED


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "bridge.example.com"])
def test_round_trip(host: str) -> None:
    token = VoiceCallToken(SESSION, host, 5060)
    assert VoiceCallToken.parse(str(token)) == token


def hexed(content: str) -> str:
    return "conf_" + content.encode().hex()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "conf_",
        "conf_zz",
        "conf_7",
        SEED.upper(),
        SEED + "00" * 300,
        SEED.removeprefix("conf_"),
        hexed("s-12@127.0.0.1:5060"),
        hexed(f"{SESSION}@:5060"),
        hexed(f"{SESSION}@127.0.0.1:0"),
        hexed(f"{SESSION}@127.0.0.1:65536"),
        hexed(f"{SESSION}@127.0.0.1"),
        hexed(f"{SESSION}@a b:5060"),
        hexed(f"{SESSION}@a\r\nb:5060"),
        hexed(f"{SESSION}@127.0.0.1:5060\n"),
        hexed(f"{SESSION.upper()}@127.0.0.1:5060"),
        "conf_" + "é" * 20,
    ],
)
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(TokenError):
        VoiceCallToken.parse(text)


@given(st.text(max_size=700))
def test_anything_else_is_refused_the_same_way(text: str) -> None:
    with pytest.raises(TokenError):
        VoiceCallToken.parse("conf_" + text)


def test_session_ids() -> None:
    made = {new_session_id() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"s-[0-9a-f]{32}", each) for each in made)


@pytest.mark.parametrize("number", [1, 2, 10, 12_345])
def test_the_id_of_a_party_tells_its_session(number: int) -> None:
    session = new_session_id()
    assert party_id_of(session, number) == f"p-{session[2:]}-{number}"
    assert session_of(party_id_of(session, number)) == session
