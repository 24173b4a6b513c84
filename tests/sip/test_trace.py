"""The trace as a value: what stays, what goes first, and that no secret comes out."""

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from softphone.sip.driver import StackSettings
from softphone.sip.message.parser import parse
from softphone.sip.trace import CALL_BYTES, CALL_MESSAGES, FIRST_MESSAGES, OVERHEAD, Trace, blotted
from softphone.testing.clock import run
from softphone.testing.wire import Ether, Rule, keep_all
from tests.sip.wire import ALICE, invite_bytes
from tests.support.sip_pair import OFFER, answering, settle

PLENTY = 1 << 30


def answer_bytes(call_id: str, status: int, cseq: str = "1 INVITE") -> bytes:
    return (
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-a1\r\nFrom: <sip:a@b>;tag=a\r\n"
        f"To: <sip:b@b>;tag=b\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def tell(trace: Trace, call_id: str, *what: str | int, method: str = "INVITE") -> None:
    """Let requests (a method) and responses (a status) of a call pass."""
    for each in what:
        if isinstance(each, int):
            trace.passed(answer_bytes(call_id, each, f"1 {method}"), ALICE, 1.0, sent=True)
        else:
            trace.passed(invite_bytes(method=each, Call_ID=call_id, CSeq=f"1 {each}"), ALICE, 1.0, sent=False)


def kept(trace: Trace) -> set[str]:
    return {call.call_id for _, name in trace.calls() if (call := trace.call(name))}


def lines(trace: Trace, name: str | None = None) -> list[str]:
    return [each.line.removesuffix(" SIP/2.0") for each in trace.messages(name)]


def test_a_call_is_shown_as_it_passed() -> None:
    trace = Trace(100, PLENTY, ("192.0.2.9", 5070))
    tell(trace, "one", "INVITE", "INVITE", 100, 200, "BYE")
    call = trace.call("one")
    assert call and call == trace.call(call.id)
    assert (call.method, call.status, call.count, call.left_out) == ("INVITE", 200, 5, 0)
    assert call.caller == "<sip:alice@example.com>;tag=a" and call.callee == "<sip:bob@example.com>"
    first, *_, last = trace.messages("one")
    assert (first.sent, first.remote, first.local) == (False, ("192.0.2.1", 5060), ("192.0.2.9", 5070))
    assert first.data == invite_bytes(Call_ID="one") and last.line.startswith("BYE ")
    assert lines(trace, "one")[2:4] == ["SIP/2.0 100 X", "SIP/2.0 200 X"]
    assert trace.call("two") is None and list(trace.messages("two")) == []


def test_a_call_id_is_found_however_it_is_written() -> None:
    trace = Trace(100, PLENTY)
    for written in ("i: x", "call-id : x", "Call-ID:x", "CALL-ID:\r\n x", "I:\t x "):
        trace.passed(f"\r\nOPTIONS sip:b SIP/2.0\r\n{written}\r\nTo: b\r\n\r\n".encode(), ALICE, 1.0, sent=False)
    assert kept(trace) == {"x"} and len(lines(trace)) == 5
    for noise in (b"", b"\r\n", b"hello", b"Call-ID: y", b"\r\n\r\n\r\n", b"SIP/2.0 200 OK\r\nCall-Id:\r\n\r\n"):
        trace.passed(noise, ALICE, 1.0, sent=False)
    assert kept(trace) == {"x"}


def test_strangers_never_push_out_running_calls() -> None:
    trace = Trace(100, PLENTY)
    for name in ("good", "better"):
        tell(trace, name, "INVITE", 200, "ACK")
        trace.runs(name)
    tell(trace, "phone", "REGISTER", 401, "REGISTER", 200, method="REGISTER")
    tell(trace, "over", "INVITE", 200, "ACK")
    trace.runs("over")
    tell(trace, "over", "BYE")
    for number in range(1000):
        tell(trace, f"refused {number}", "INVITE", 403)
        tell(trace, f"asked {number}", "OPTIONS", 200, method="OPTIONS")
        tell(trace, f"forged {number}", "INVITE", 200, 200)
    assert {"good", "better", "phone", "over"} <= kept(trace)
    assert lines(trace, "good") == ["INVITE sip:bob@example.com", "SIP/2.0 200 X", "ACK sip:bob@example.com"]
    assert len(lines(trace)) <= 100


def test_whoever_rings_stays_while_others_are_refused() -> None:
    trace = Trace(100, PLENTY)
    tell(trace, "rings", "INVITE", 401, "INVITE", 180)
    for number in range(1000):
        tell(trace, f"refused {number}", "INVITE", 404)
    assert "rings" in kept(trace)


def test_a_full_house_of_running_calls_is_not_for_strangers() -> None:
    trace = Trace(20, PLENTY)
    good = [f"good {number}" for number in range(10)]
    for name in good:
        tell(trace, name, "INVITE", 200)
        trace.runs(name)
    for number in range(50):
        tell(trace, f"refused {number}", "INVITE", 404)
        tell(trace, f"forged {number}", "INVITE", 200)
    assert kept(trace) == set(good)


def test_the_refused_have_a_place_when_many_calls_are_over() -> None:
    trace = Trace(100, PLENTY)
    tell(trace, "refused", "INVITE", 403)
    for number in range(100):
        tell(trace, f"over {number}", "INVITE", 200, "ACK")
        trace.runs(f"over {number}")
        tell(trace, f"over {number}", "BYE", 200, method="BYE")
    assert "refused" in kept(trace) and "over 0" not in kept(trace) and "over 99" in kept(trace)


def test_of_a_long_call_the_beginning_and_the_end_stay() -> None:
    trace = Trace(10_000, PLENTY)
    tell(trace, "long", "INVITE", 200)
    trace.runs("long")
    tell(trace, "long", *["INFO"] * 1000, "BYE")
    call = trace.call("long")
    assert call and (call.count, call.left_out) == (CALL_MESSAGES, 1003 - CALL_MESSAGES)
    shown = list(trace.messages("long"))
    assert [each.number for each in shown[:FIRST_MESSAGES]] == list(range(1, FIRST_MESSAGES + 1))
    assert shown[-1].number == 1003


def test_one_call_has_no_more_bytes_than_its_own() -> None:
    trace = Trace(10_000, PLENTY)
    for _ in range(20):
        trace.passed(invite_bytes(Call_ID="fat") + b"x" * 60_000, ALICE, 1.0, sent=False)
    assert sum(len(each.data) for each in trace.messages("fat")) <= CALL_BYTES


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"),
            st.sampled_from(["INVITE", "BYE", "ACK", "REGISTER", "run", 100, 180, 200, 401, 486]),
            st.integers(0, 3000),
        ),
        max_size=120,
    ),
    st.integers(1, 30),
    st.integers(1000, 20_000),
)
def test_the_bounds_hold_whatever_passes(steps: list[tuple[str, str | int, int]], most: int, size: int) -> None:
    trace = Trace(most, size)
    for name, what, padding in steps:
        if what == "run":
            trace.runs(name)
        elif isinstance(what, int):
            trace.passed(answer_bytes(name, what) + b"x" * padding, ALICE, 1.0, sent=True)
        else:
            tell(trace, name, what)
        shown = list(trace.messages())
        assert len(shown) <= most and sum(len(each.data) + OVERHEAD for each in shown) <= size
        assert len(shown) == sum(call.count for _, each in trace.calls() if (call := trace.call(each)))


# --- secrets

SECRET = st.text(string.ascii_letters + string.digits, min_size=12, max_size=40).map(lambda text: f"Zq{text}")
HEX = st.text("0123456789abcdef", min_size=24, max_size=24)
BEARERS = (
    'Authorization: Digest username="101", realm="r", nonce="n", uri="sip:r", response="{}"',
    'Proxy-Authorization: Digest response={},username="101"',
    'Authorization: Digest username="101", cnonce="{}", nc=00000001, qop=auth',
    'AUTHORIZATION :\r\n Digest nonce="n",\r\n\tRESPONSE = "{}"',
    "Authorization: Basic {}",
    "authorization: Bearer\t{}",
    'Authentication-Info: rspauth="{}", qop=auth',
    "Contact: <sip:101:{}@192.0.2.1>",
    "Refer-To: <sips:a;x=y:{}@b;transport=tcp>",
    "X-Room: pin={}",
    "Subject: https://example.com/?token={}&a=b",
)


@given(st.sampled_from(BEARERS), SECRET, st.binary(max_size=30))
def test_no_secret_of_a_header_is_shown(bearer: str, secret: str, body: bytes) -> None:
    sent = (
        invite_bytes(Content_Length=str(len(body))).removesuffix(b"\r\n") + f"{bearer.format(secret)}\r\n\r\n".encode()
    )
    shown = blotted(sent + body)
    assert secret.encode() not in shown and secret.encode()[2:] not in shown
    assert len(shown) == len(sent + body) and shown.count(b"\r\n") == (sent + body).count(b"\r\n")
    assert parse(shown).cseq.method == "INVITE"


@given(
    st.sampled_from(
        ["sip:conf_{}@b", "sip:%63on%66%5F{}@b", "sip:CONF_{}@b", "sip:s-01234567{}@b", "<p-01234567{}-2>"]
    ),
    HEX,
    st.sampled_from(["To", "Call-ID", "Referred-By", "X-Other", "Via"]),
)
def test_no_token_is_shown_wherever_it_stands(written: str, secret: str, header: str) -> None:
    text = written.format(secret)
    for message in (
        invite_bytes(**{header.replace("-", "_"): text}),
        invite_bytes(uri=text),
        invite_bytes() + text.encode(),
    ):
        shown = blotted(message)
        assert secret.encode() not in shown and len(shown) == len(message)


@given(
    st.sampled_from(
        [
            ("INFO", "Signal={}\r\nDuration=160\r\n"),
            ("INFO", "signal : {}"),
            ("INFO", "Duration=100\nSignal= {}"),
            ("INFO", "{}"),
            ("INFO", "--b\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal={}\r\n--b--"),
            ("NOTIFY", '<kpml-response code="200" digits="{}"/>'),
            ("NOTIFY", "<kpml-response digits='{}'/>"),
            ("INVITE", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}|2^20"),
            ("INVITE", "v=0\r\nk=clear:{}\r\n"),
            ("INVITE", "a=ice-ufrag:x\r\na=ice-pwd:{}\r\n"),
        ]
    ),
    st.text("0123456789*#ABCD", min_size=8, max_size=12),
)
def test_no_key_of_a_body_is_shown(where: tuple[str, str], keys: str) -> None:
    method, body = where
    message = invite_bytes(method=method, CSeq=f"1 {method}") + body.format(keys).encode()
    shown = blotted(message)
    assert (keys.replace("*", "").encode() not in shown or not keys.strip("*")) and len(shown) == len(message)


def test_one_key_in_an_info_is_blotted_and_the_rest_can_be_read() -> None:
    message = invite_bytes(method="INFO", CSeq="2 INFO") + b"Signal=5\r\nDuration=160\r\n"
    assert blotted(message) == message.replace(b"Signal=5", b"Signal=*")


def test_what_is_no_secret_stays() -> None:
    plain = invite_bytes(
        Contact="<sip:alice@192.0.2.1:5070;transport=tcp>, <sip:192.0.2.1:5060;lr>",
        WWW_Authenticate='Digest realm="r", nonce="abc", qop="auth"',
        User_Agent="Phone/1.0 (response 1)",
    )
    assert blotted(plain) == plain


@given(st.binary(max_size=300))
def test_anything_keeps_its_length(data: bytes) -> None:
    assert len(blotted(data)) == len(data)


@given(
    st.lists(st.sampled_from(["response=", '"', "conf_", "sip:", ":", "@", "Signal=", "\r\n", "a", "k="]), max_size=60)
)
def test_pieces_of_secrets_keep_their_length(pieces: list[str]) -> None:
    data = b"INFO " + "".join(pieces).encode()
    assert len(blotted(data)) == len(data) and re.sub(rb"[^\r\n]", b"", blotted(data)) == re.sub(rb"[^\r\n]", b"", data)


# --- at a stack


def traced_call(lost: Rule = keep_all) -> tuple[list[str], list[str]]:
    """Alice calls Bob and hangs up; what passed by the trace of each."""
    ether = Ether(lost)
    settings = StackSettings(tcp=False, trace_messages=100)
    alice, bob = ether.stack(settings), ether.stack(settings, on_invite=answering)
    shown: list[list[str]] = []

    async def play() -> None:
        await alice.start()
        await bob.start()
        call = await alice.invite(f"sip:bob@127.0.0.1:{bob.port}", OFFER, from_uri="sip:alice@127.0.0.1")
        await settle(10.0)
        running = [node.trace.call(call.dialog.id.call_id) for node in (alice, bob) if node.trace]
        assert [each.running for each in running if each] == [True, True]
        await call.bye()
        await settle()
        for node in (alice, bob):
            assert node.trace and (over := node.trace.call(call.dialog.id.call_id)) and not over.running
            shown.append(
                [f"{'>' if each.sent else '<'} {each.line.split(' sip')[0]}" for each in node.trace.messages(over.id)]
            )
        await alice.stop()
        await bob.stop()

    run(play())
    return shown[0], shown[1]


def test_both_sides_of_a_call_are_traced() -> None:
    alice, bob = traced_call()
    assert bob == [each.translate(str.maketrans("<>", "><")) for each in alice]
    assert [each for each in bob if "100" not in each] == [
        "< INVITE",
        "> SIP/2.0 180 Ringing",
        "> SIP/2.0 200 OK",
        "< ACK",
        "< BYE",
        "> SIP/2.0 200 OK",
    ]


def test_what_is_sent_again_is_there_again() -> None:
    alice, bob = traced_call(lambda line, before: line.startswith("ACK") and before == 0)
    assert alice.count("> ACK") == 2 and bob.count("< ACK") == 1
    assert bob[: bob.index("< ACK")].count("> SIP/2.0 200 OK") == 2


def test_without_messages_to_keep_there_is_no_trace() -> None:
    assert Ether().stack().trace is None
