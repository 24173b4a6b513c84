"""Text from outside, made readable; and names that could be taken for each other."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.text import LONGEST_NAME, distinct, host_of, misleads, shown, skeleton, without_paths

ANY = st.text(st.characters(), max_size=300)


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("\x01\x0b42", "42"),
        ("Ada\ufffe", "Ada"),
        ("Ada \ud800 B", "Ada B"),
        ("\u202eadA\u202c", "adA"),
        ("\u2066Ada\u2069", "Ada"),
        ("A\u200bd\u200da", "Ada"),
        ("Ada\r\nVia: x", "Ada Via: x"),
        ("  Ada \u2003\u00a0 L. ", "Ada L."),
        ("\x1b]0;title\x07\x1b[2J", "]0;title[2J"),
        ("\u3164\u115f\u2800", ""),
        ("Z" + "\u0336" * 500, "Z" + "\u0336" * 3),
        ("Jose\u0301", "Jos\u00e9"),
        ("\ue000\U000f0000\U0010ffff", ""),
        ("\U000e0041Ada\U000e007f", "Ada"),
        ("李小龙", "李小龙"),
        ("علي", "علي"),
        ('O\'Neil <x> & "y"', 'O\'Neil <x> & "y"'),
    ],
)
def test_what_is_seen(given: str, seen: str) -> None:
    assert shown(given) == seen


@given(ANY)
def test_any_text_becomes_one_readable_line(text: str) -> None:
    seen = shown(text)
    assert seen.isprintable() and len(seen) <= LONGEST_NAME and seen == seen.strip()
    assert not {unicodedata.category(each) for each in seen} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert seen.encode() and shown(seen) == seen if seen else True


def test_a_long_text_costs_no_more_than_a_short_one() -> None:
    assert shown("a" * 10_000_000) == "a" * LONGEST_NAME
    assert shown("\u200b" * 10_000_000 + "a") == ""


@pytest.mark.parametrize("other", ["ada admin", "Ada  Admin", "Аdа Admin", "Ａｄａ Admin", "Ada-Admin", "Adä Admin"])
def test_names_that_look_alike_have_one_skeleton(other: str) -> None:
    assert skeleton(other) == skeleton("Ada Admin")


@given(st.lists(st.sampled_from(["Ada", "ada", "Аda", "Ada (2)", "Ada 2", "Ben", ""]), max_size=12))
def test_names_that_are_given_differ(names: list[str]) -> None:
    given_: list[str] = []
    for name in names:
        given_.append(distinct(name, {skeleton(each) for each in given_}.__contains__)[0])
    bare = [skeleton(each) for each in given_ if each]
    assert len(set(bare)) == len(bare)


@pytest.mark.parametrize(
    "text", ["a\tb", "\u202eb", "\u2069", "\ufffe", "\U0010ffff", "\ufdd0", "\ud800", "a\u2028", "\x7f"]
)
def test_what_can_only_be_refused(text: str) -> None:
    assert misleads(text)


@pytest.mark.parametrize("text", ["", "Ümläut  é", "👨\u200d👩\u200d👧", "می\u200cخواهم", "Jose\u0301 \u00a0"])
def test_what_people_write(text: str) -> None:
    assert not misleads(text)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("/var/lib/x/mix.wav: No such file or directory", "mix.wav: No such file or directory"),
        ("[Errno 28] No space: '/var/my data/mix.wav'", "[Errno 28] No space: mix.wav"),
        ("cannot record to /a/b.wav: Input/output error", "cannot record to b.wav: Input/output error"),
        ("the disk is full", "the disk is full"),
    ],
)
def test_an_error_says_no_place_on_the_server(error: str, told: str) -> None:
    assert without_paths(error) == told


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example.com/T0/B0/key", "https://hooks.example.com"),
        ("http://user:key@127.0.0.1:9/a?key=b#c", "http://127.0.0.1:9"),
        ("https://[2001:db8::1]:8443?key", "https://[2001:db8::1]:8443"),
        ("ws://host", "ws://host"),
        ("nonsense", "nonsense://"),
    ],
)
def test_what_a_log_says_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host
