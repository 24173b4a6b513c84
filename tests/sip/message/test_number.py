"""One spelling for each number and each name, however a URI writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.sip.message.uri import Uri, number_of, spelled


@pytest.mark.parametrize(
    "uri",
    [
        "tel:+1-650-555-0100",
        "sip:+1(650)555.0100@host;user=phone",
        "sip:+16505550100@host",
        "SIP:+1-650.555(0100)@HOST",
        "sips:%2B1%28650%29555-0100@host:5061;transport=tcp",
        "tel:+1(650)555.0100;ext=7",
        "tel:%2B16505550100",
        "TEL:+16505550100;npdi;rn=+1-202-544-0000",
        "sip:+16505550100;npdi;rn=+12025440000@gw.example;user=phone",
        "sip:+16505550100;isub=411@host;user=PHONE",
        "tel:555-0100;phone-context=+1-650",
        "tel:555.0100;ext=9;Phone-Context=+1(650);rn=5",
        "sip:5550100;phone-context=+1650@gw.example;user=phone",
        "sip:+16505550100;phone-context=+44@host",
        "sip:+1%20650%20555%200100@host",
        "sip:+16505550100:secret@host",
    ],
)
def test_one_number_in_many_spellings(uri: str) -> None:
    assert number_of(Uri.parse(uri)) == "+16505550100"


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("tel:7042;phone-context=example.com", "7042"),
        ("sip:101;phone-context=pbx.example@host;user=phone", "101"),
        ("sip:1-0-1@host", "101"),
        ("sip:+1(650)555-0100*201@host", "+16505550100*201"),
        ("sip:*91@host", "*91"),
        ("sip:%2391@host", "#91"),
        ("tel:1a-2b", "1A2B"),
        ("sip:1a-2b@host", "1a-2b"),
        ("sip:conf_00ff-1@host", "conf_00ff-1"),
        ("sip:alice@host", "alice"),
        ("sip:Alice.B(x)@host;user=phone", "Alice.B(x)"),
        ("sip:alice;day=tuesday@host", "alice;day=tuesday"),
        ("sip:%61lice%20b@host", "alice b"),
        ("sip:-.-@host", "-.-"),
        ("sip:+@host", "+"),
        ("sip:abba@host;user=phone", "abba"),
        ("sip:host", ""),
        ("urn:service:sos", ""),
    ],
)
def test_who_a_uri_means(uri: str, number: str) -> None:
    assert number_of(Uri.parse(uri)) == number


@pytest.mark.parametrize(
    "text",
    ["+1 (650) 555-0100", "+16505550100", " tel:+1-650-555-0100 ", "tel:+1 650 555 0100", "sip:+16505550100@h"],
)
def test_what_somebody_typed(text: str) -> None:
    assert spelled(text) == "+16505550100"
    assert spelled("alice b") == "alice b" and spelled("tel:") == "tel:" and spelled("sip:<x>") == "sip:<x>"


@given(st.text("0123456789*#", min_size=1), st.lists(st.sampled_from("-.()"), max_size=5))
def test_separators_never_change_a_number(digits: str, separators: list[str]) -> None:
    written = digits
    for at, each in enumerate(separators):
        place = (at * 7) % (len(written) + 1)
        written = written[:place] + each + written[place:]
    assert number_of(Uri("sip", "h", user=f"+{written}")) == f"+{digits}"
    assert number_of(Uri("tel", opaque=f"+{written};x=y")) == f"+{digits}"


@given(st.text(max_size=300))
def test_any_text_means_somebody_at_most_once(text: str) -> None:
    assert spelled(spelled(text)) == spelled(text) or ":" in text


def test_long_users_are_read_in_one_pass() -> None:
    assert number_of(Uri("sip", "h", user="-" * 100_000 + "x")).endswith("x")
    assert spelled("1-" * 100_000) == "1" * 100_000
