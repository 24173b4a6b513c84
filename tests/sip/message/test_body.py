"""The session description of a message, in every packing."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.errors import BadMessage
from softphone.sip.message.body import MAX_DEPTH, MAX_PARTS, read_sdp, sdp_of
from softphone.sip.message.message import Message

OFFER = "v=0\r\ns=the offer\r\n"
XML = "<about/>"
MIXED, ALTERNATIVE = "multipart/mixed;boundary=b1", "multipart/alternative;boundary=b1"
REQUIRED, EARLY = "Content-Disposition: session;handling=required", "Content-Disposition: early-session"
ENCODING = "Content-Transfer-Encoding"


def message(body: str | bytes, kind: str | None = MIXED, **headers: str) -> Message:
    made = Message(body if isinstance(body, bytes) else body.encode())
    if kind is not None:
        made.add("Content-Type", kind)
    for name, value in headers.items():
        made.add(name.replace("_", "-"), value)
    return made


def part(content: str, kind: str = "application/sdp", *headers: str) -> str:
    return "\r\n".join([f"Content-Type: {kind}", *headers, "", content])


def packed(*parts: str, boundary: str = "b1", end: str = "--") -> str:
    return "".join(f"--{boundary}\r\n{each}\r\n" for each in parts) + f"--{boundary}{end}\r\n"


SDP, OTHER = part(OFFER), part(XML, "application/pidf+xml")


@pytest.mark.parametrize(
    "kind", ["application/sdp", "Application/SDP", "application/sdp ; charset=UTF-8", "application / sdp", None]
)
def test_the_body_itself(kind: str | None) -> None:
    assert read_sdp(message(OFFER, kind)) == OFFER
    assert read_sdp(message("", kind)) is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (packed(SDP, OTHER), MIXED),
        (packed(OTHER, SDP), 'Multipart/Mixed; charset=x ; Boundary="b1"'),
        ("for people who cannot read this\r\n" + packed(SDP) + "\r\n--b1\r\n\r\nepilogue", MIXED),
        (packed(OTHER, SDP, boundary="=_a b(1)?", end="--  "), 'multipart/mixed; boundary="=_a b(1)?"'),
        (
            packed(SDP, part("no", "application/sdp2")).replace("\r\n", "\n").replace("\n", "\r\n"),
            "multipart/x;boundary=b1",
        ),
        (packed(OTHER, SDP).rpartition("\r\n--b1--")[0], MIXED),
        (packed("\r\nplain text", part(OFFER, "application/sdp", "X: y", " folded")), MIXED),
        (packed(part(packed(SDP, boundary="b10"), "multipart/mixed;boundary=b10"), OTHER), MIXED),
        (packed(part("v=0\r\ns=simple\r\n"), SDP), ALTERNATIVE),
        (packed(SDP, part(XML, "application/new", REQUIRED)), ALTERNATIVE),
        (packed(part(packed(OTHER, SDP, boundary="in"), "multipart/alternative;boundary=in"), OTHER), MIXED),
        (packed(part("v=0\r\ns=early\r\n", "application/sdp", EARLY), SDP), MIXED),
        (packed(part(OFFER, "application/sdp", "content-disposition: Session ; Handling=Required"), OTHER), MIXED),
        (packed(part(base64.b64encode(OFFER.encode()).decode(), "application/sdp", f"{ENCODING}: BASE64")), MIXED),
        (packed(part(OFFER.replace("=", "=3D"), "application/sdp", f"{ENCODING}: quoted-printable")), MIXED),
        (packed(part(XML, 'application/odd; x="unclosed'), SDP), MIXED),
        (packed(part(XML, "application/isup", "Content-Disposition: signal;handling=optional"), SDP), MIXED),
    ],
)
def test_the_description_among_others(body: str, kind: str) -> None:
    assert read_sdp(message(body, kind)) == OFFER


def test_line_ends_of_others() -> None:
    assert read_sdp(message(packed(OTHER, SDP).replace("\r\n", "\n"))) == OFFER.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (packed(SDP, part(XML, "application/new", "Content-Disposition: x;handling=required")), None, 415),
        (
            packed(
                SDP,
                part(
                    packed(part(XML, "a/b", 'Content-Disposition: x ; HANDLING="required"'), boundary="c"),
                    "multipart/mixed;boundary=c",
                ),
            ),
            None,
            415,
        ),
        (packed(part(XML, "application/new", REQUIRED)), ALTERNATIVE, 415),
        (packed(part("x", "application/sdp", "Content-Encoding: gzip", REQUIRED)), None, 415),
        ("hello", "text/plain", 415),
        (packed(SDP), "multipart/mixed", 400),
        (packed(SDP), "multipart/mixed;boundary=other", 400),
        (packed(SDP), 'multipart/mixed;boundary="' + "b" * 71 + '"', 400),
        (packed(SDP), 'multipart/mixed;boundary="b1 "', 400),
        (packed(part("*", "application/sdp", f"{ENCODING}: base64")), None, None),
        (packed(part("abcde", "application/sdp", f"{ENCODING}: base64")), None, 400),
        (packed(*[OTHER] * (MAX_PARTS + 1)), None, 413),
    ],
)
def test_what_is_refused(body: str, kind: str | None, status: int | None) -> None:
    made = message(body, kind or MIXED)
    if status is None:
        assert read_sdp(made) == ""
        return
    with pytest.raises(BadMessage) as refused:
        read_sdp(made)
    assert refused.value.status == status and sdp_of(made) is None


def test_what_is_passed_over() -> None:
    assert read_sdp(message(packed(OTHER))) is None
    assert read_sdp(message(packed(OTHER), ALTERNATIVE)) is None
    assert read_sdp(message(XML, "application/isup", Content_Disposition="signal;handling=optional")) is None
    assert read_sdp(message(packed("--b1--", SDP).replace("--b1\r\n--b1--", "--b1--"))) is None


def nested(depth: int) -> Message:
    body, kind = SDP, ""
    for level in range(depth):
        kind = f"multipart/mixed;boundary=l{level}"
        body = packed(body, boundary=f"l{level}")
        body = part(body, kind)
    return message(body.partition("\r\n\r\n")[2], kind)


def test_levels_are_bounded() -> None:
    assert read_sdp(nested(MAX_DEPTH)) == OFFER
    with pytest.raises(BadMessage) as refused:
        read_sdp(nested(MAX_DEPTH + 1))
    assert refused.value.status == 413


@given(st.text("-b1\r\n :;=x", max_size=200), st.sampled_from(["multipart/mixed", "multipart/alternative"]))
def test_any_body_is_read_or_refused(text: str, kind: str) -> None:
    made = message(text, f"{kind};boundary=b1")
    try:
        read_sdp(made)
    except BadMessage as error:
        assert error.status in (400, 413, 415)
