"""RCML as a value: what it says, and what is refused before it is read."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.api.restcomm import rcml
from softphone.api.restcomm.rcml import (
    BadRcml,
    Continue,
    DialConference,
    DialNumber,
    EndCall,
    GatherDigits,
    PlaySound,
    PlayUrl,
    RecordMessage,
    SayText,
    Wait,
)

UNKNOWN = (b"klingon", b"utf-7", b"utf-32", b"euc-jp", b"undefined", b"idna", b"punycode", b"zlib", b"rot13")


def response(inside: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{inside}</Response>'.encode()


@pytest.mark.parametrize(
    ("inside", "verbs"),
    [
        ("", []),
        ("<Dial><Conference>standup</Conference></Dial>", [DialConference("standup")]),
        (
            '<Dial action="/x"><Conference startConferenceOnEnter="false" endConferenceOnExit="TRUE" muted="true" '
            'beep="false" maxParticipants="3" waitUrl="/music"> a &amp; b </Conference></Dial>',
            [DialConference("a & b", starts=False, ends=True, muted=True, beep=False, most=3)],
        ),
        ("<Play loop='2'>conf-muted</Play><Pause/><Pause length='7'/>", [PlaySound("conf-muted", 2), Wait(1), Wait(7)]),
        ("<Play>https://a/b.wav?c=1</Play>", [PlayUrl("https://a/b.wav?c=1")]),
        ("<Gather/>", [GatherDigits()]),
        ("<Dial> 101 </Dial><Hangup/>", [DialNumber("101"), EndCall()]),
        ("<Dial timeout='9'><Number>+4930123</Number></Dial>", [DialNumber("+4930123", 9)]),
        (
            "<Dial><Client>102</Client></Dial><Dial><Sip>sip:a@b</Sip></Dial>",
            [DialNumber("102"), DialNumber("sip:a@b")],
        ),
        (
            "<Gather action=' next?a=1&amp;b=2 ' method='get' timeout='9' finishOnKey='*#' numDigits='4'>"
            "<Say>Your code?</Say><Pause/><Play>http://a/b.wav</Play></Gather><Hangup/>",
            [
                GatherDigits(
                    (SayText("Your code?"), Wait(), PlayUrl("http://a/b.wav")), "next?a=1&b=2", "GET", 9, "*#", 4
                ),
                EndCall(),
            ],
        ),
        ("<Record/>", [RecordMessage()]),
        (
            "<Record action='done?a=1' method='GET' timeout='3' finishOnKey='#' maxLength='60' playBeep='false'/>",
            [RecordMessage("done?a=1", "GET", 3, "#", 60, beep=False)],
        ),
        ("<Record finishOnKey='' transcribe='false'/>", [RecordMessage(finish="")]),
        ("<Hangup/><Reject reason='busy'/>", [EndCall(), EndCall()]),
        ("<Redirect>http://a/b?c=1&amp;d=2</Redirect>", [Continue("http://a/b?c=1&d=2")]),
        ("<Redirect method='get'> http://a/ </Redirect><!-- that is all -->", [Continue("http://a/", "GET")]),
    ],
)
def test_what_it_says(inside: str, verbs: list[rcml.Verb]) -> None:
    assert rcml.read(response(inside)) == verbs


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"hello",
        b"<Response>",
        b"<Other/>",
        b'<!DOCTYPE Response [<!ENTITY a "b">]><Response/>',
        b'<!DOCTYPE Response SYSTEM "file:///etc/passwd"><Response/>',
        b"<?xml-stylesheet href='x'?><Response/>",
        b"<Response><Dial>&a;</Dial></Response>",
        b"<Response>" + b"<Pause/>" * 200 + b"</Response>",
        b"<Response>" + b"<Dial>" * 20 + b"</Dial>" * 20 + b"</Response>",
        b"<Response>" + b" " * 70_000 + b"</Response>",
        b"\xff\xfe<Response/>",
        *(b'<?xml version="1.0" encoding="%s"?><Response/>' % each for each in UNKNOWN),
        b"<Response><Gather numDigits='0'/></Response>",
        b"<Response><Gather finishOnKey='x'/></Response>",
        b"<Response><Gather timeout='soon'/></Response>",
        b"<Response><Gather method='PUT'/></Response>",
        b"<Response><Gather><Hangup/></Gather></Response>",
        b"<Response><Gather><Gather/></Gather></Response>",
        b"<Response><Record transcribe='true'/></Response>",
        b"<Response><Record maxLength='0'/></Response>",
        b"<Response><Record timeout='-1'/></Response>",
        b"<Response><Record finishOnKey='12a'/></Response>",
        b"<Response><Record playBeep='loud'/></Response>",
        b"<Response><Sms>hello</Sms></Response>",
        b"<Response><Email to='a@b.example'>hello</Email></Response>",
        b"<Response><Fax>http://a/</Fax></Response>",
        b"<Response><Dial><Conference>a</Conference><Conference>b</Conference></Dial></Response>",
        b"<Response><Dial/></Response>",
        b"<Response><Dial><Number>1</Number><Number>2</Number></Dial></Response>",
        b"<Response><Dial><Queue>1</Queue></Dial></Response>",
        b"<Response><Dial><Number>1 2</Number></Dial></Response>",
        b"<Response><Redirect method='PUT'>http://a/</Redirect></Response>",
    ],
)
def test_what_is_refused(document: bytes) -> None:
    with pytest.raises(BadRcml) as refused:
        rcml.read(document)
    assert str(refused.value)


@given(st.binary(max_size=200))
def test_anything_is_read_or_refused(document: bytes) -> None:
    with contextlib.suppress(BadRcml):
        assert isinstance(rcml.read(document), list)


@given(st.text("abcXYZ 0-_.&<>'\"é😀", min_size=1, max_size=100), st.integers(1, 9999))
def test_a_room_has_the_name_that_it_is_given(name: str, most: int) -> None:
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    document = response(f'<Dial><Conference maxParticipants="{most}">{escaped}</Conference></Dial>')
    if name.strip():
        assert rcml.read(document) == [DialConference(" ".join(name.split()), most=most)]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("stand\n   up", "stand up"),
        ("stand\u202eup", "standup"),
        ("stand\u200bup\ufeff", "standup"),
        ("stand&#x9b;up", "standup"),
        ("cafe\u0301", "caf\u00e9"),
        ("x" * 200, "x" * 200),
    ],
)
def test_a_room_has_one_name_however_it_is_written(written: str, name: str) -> None:
    assert rcml.read(response(f"<Dial><Conference>{written}</Conference></Dial>")) == [DialConference(name)]


@pytest.mark.parametrize("written", ["", "\u200b\u2060", "\u202e ", "\u3164", "x" * 201])
def test_a_name_that_nobody_can_read_names_no_room(written: str) -> None:
    with pytest.raises(BadRcml, match="names a room"):
        rcml.read(response(f"<Dial><Conference>{written}</Conference></Dial>"))
