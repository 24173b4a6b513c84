"""Digest authentication against the examples of RFC 2617, 7616 and 8760, and against clients as they are."""

import pytest

from softphone.sip.message.digest import Challenge, Credentials, answers, digest, hash_a1, parse_auth
from softphone.sip.message.message import Request, Response, response
from softphone.sip.services.auth import Authenticator, Verdict
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.client_request import authorised, refused
from tests.sip.wire import ALICE, BOB, invite

PASSWORDS = {"101": "dev-101"}


def lookup(username: str, algorithm: str) -> str | None:
    password = PASSWORDS.get(username)
    return hash_a1(algorithm, username, "bridge.test", password) if password else None


def server(algorithms: tuple[str, ...] = ("MD5",), qop: bool = True) -> Authenticator:
    return Authenticator("bridge.test", lookup, algorithms=algorithms, qop=qop, lifetime_s=300.0)


def answered(
    challenge: str, *, password: str = "dev-101", method: str = "INVITE", uri: str = "sip:bob@example.com"
) -> Request:
    (read,) = Challenge.parse_list(challenge)
    message = invite(method=method, CSeq=f"1 {method}")
    message.set("Authorization", read.answer(Credentials("101", password), method, uri))
    return message


def test_rfc2617_example() -> None:
    a1 = hash_a1("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life")
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    count = ("00000001", "0a4f113b", "auth")
    assert digest("MD5", a1, "GET", "/dir/index.html", nonce, count) == "6629fae49393a05397450978507c4ef1"
    # RFC 2069 as corrected by its errata
    assert digest(
        "MD5", hash_a1("MD5", "Mufasa", "testrealm@host.com", "CircleOfLife"), "GET", "/dir/index.html", nonce
    ) == ("1949323746fe6a43ef61f9606e7febea")


@pytest.mark.parametrize(
    ("algorithm", "right"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc7616_example(algorithm: str, right: str) -> None:
    challenge = Challenge("http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm, ("auth",))
    answer = challenge.answer(
        Credentials("Mufasa", "Circle of Life"),
        "GET",
        "/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    ((scheme, params),) = parse_auth(answer)
    assert scheme == "digest" and params["response"] == right and params["nc"] == "00000001"


def test_challenges_as_servers_write_them() -> None:
    line = 'Digest realm="a, b",nonce="n==",qop="auth,auth-int",stale=TRUE,algorithm="MD5", NTLM x="1"'
    line += ", Digest realm=c, nonce=bm9=="
    first, second = Challenge.parse_list(line)
    assert (first.realm, first.nonce, first.qop, first.stale) == ("a, b", "n==", ("auth", "auth-int"), True)
    assert (second.realm, second.nonce) == ("c", "bm9==")
    assert Challenge.parse_list('Digest realm="a", nonce="n", algorithm=AKAv1-MD5') == []
    assert Challenge.parse_list('Digest realm="a", nonce="n", qop="auth-int"') == [] and parse_auth("Basic Zm9v") == []


def test_the_form_of_our_challenge() -> None:
    (text,) = server(qop=False).challenge(ALICE, 0.0)
    assert text.startswith('Digest algorithm=MD5, realm="bridge.test", nonce="')
    assert [line.split(",")[0] for line in server(algorithms=("SHA-256", "MD5")).challenge(ALICE, 0.0)] == [
        "Digest algorithm=SHA-256",
        "Digest algorithm=MD5",
    ]


def test_the_first_challenge_we_can_answer_is_taken() -> None:
    asked = invite()
    challenges = [
        ("Proxy-Authenticate", line)
        for line in (
            'Digest algorithm=SHA-512, realm="r", nonce="1"',
            *server(algorithms=("SHA-256", "MD5")).challenge(ALICE, 0.0),
        )
    ]
    ((name, value),) = answers(
        response(asked, 407, headers=challenges), "INVITE", "sip:b@h", Credentials("101", "dev-101")
    )
    assert name == "Proxy-Authorization" and "algorithm=SHA-256" in value
    assert answers(response(asked, 401), "INVITE", "sip:b@h", Credentials("101", "x")) == []


@pytest.mark.parametrize("qop", [True, False])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_who_knows_the_secret_is_let_in_once(algorithm: str, qop: bool) -> None:
    guard = server(algorithms=(algorithm,), qop=qop)
    message = answered(guard.challenge(ALICE, 0.0)[0])
    assert guard.verify(message, ALICE, 1.0) == Verdict("101")
    assert guard.verify(message, ALICE, 2.0) == Verdict(stale=True)


def test_wrong_answers() -> None:
    guard = server()
    (challenge,) = guard.challenge(ALICE, 0.0)
    assert guard.verify(answered(challenge, password="x"), ALICE, 1.0) == Verdict(wrong=True)
    assert guard.verify(answered(challenge, uri="sip:carol@example.com"), ALICE, 1.0) == Verdict()
    assert guard.verify(answered(challenge.replace("bridge.test", "other.test")), ALICE, 1.0) == Verdict()
    assert (
        guard.verify(invite(), ALICE, 1.0) == Verdict()
        and guard.verify(invite(Authorization='Digest \ufffd="'), ALICE, 1.0) == Verdict()
    )


ELSEWHERE = Hop("udp", ALICE.host, ALICE.port + 1)
NEXT_DOOR = Hop("tcp", "192.0.2.3", 5060, 7)


@pytest.mark.parametrize("password", ["dev-101", "x"])
def test_a_nonce_that_is_not_good_here_says_nothing_about_the_password(password: str) -> None:
    """A nonce of somebody else, of another server, altered, or old: right or wrong, no guess and no oracle."""
    guard = server()
    (challenge,), (theirs,), (foreign,) = (
        guard.challenge(ALICE, 0.0),
        guard.challenge(BOB, 0.0),
        server().challenge(ALICE, 0.0),
    )
    altered = challenge.replace('nonce="', 'nonce="0')
    for given, source, now in (
        (theirs, ALICE, 1.0),
        (challenge, BOB, 1.0),
        (challenge, NEXT_DOOR, 1.0),
        (foreign, ALICE, 1.0),
        (altered, ALICE, 1.0),
        (challenge, ALICE, 301.0),
        (challenge, ALICE, 864_000.0),
    ):
        assert guard.verify(answered(given, password=password), source, now) == Verdict(stale=True)


def test_an_ephemeral_port_is_the_same_host() -> None:
    guard = server()
    assert guard.verify(answered(guard.challenge(ALICE, 0.0)[0]), ELSEWHERE, 1.0) == Verdict("101")


def registration(challenge: str, number: int = 7, contact: str = "<sip:101@192.0.2.1>") -> Request:
    message = answered(challenge, method="REGISTER", uri="sip:bridge.test")
    message.set("CSeq", f"{number} REGISTER")
    message.set("Contact", contact)
    return message


@pytest.mark.parametrize(
    ("source", "contact"),
    [
        (BOB, "<sip:101@192.0.2.1>"),
        (ELSEWHERE, "<sip:101@192.0.2.1>"),
        (Hop("tcp", ALICE.host, ALICE.port, 1), "<sip:101@192.0.2.1>"),
        (ALICE, "<sip:101@192.0.2.66>"),
        (ALICE, "<sip:101@192.0.2.1>, <sip:101@192.0.2.66>"),
    ],
)
def test_an_overheard_registration_is_of_no_use(source: Hop, contact: str) -> None:
    """Not from another address, port or connection; nor, where its address is forged, to register somebody else."""
    guard = server()
    message = registration(guard.challenge(ALICE, 0.0)[0])
    assert guard.verify(message, ALICE, 1.0) == Verdict("101")
    overheard = registration(guard.challenge(ALICE, 0.0)[0])
    overheard.set("Authorization", message.get("Authorization") or "")
    overheard.set("CSeq", "8 REGISTER")
    overheard.set("Contact", contact)
    assert guard.verify(overheard, source, 2.0) == Verdict(stale=True)


def test_a_connection_goes_on_with_its_credentials_whatever_it_registers() -> None:
    """As sip.js does, over its WebSocket; over the next connection it is asked anew."""
    guard, first = server(), Hop("tcp", ALICE.host, 40_000, 1)
    (challenge,) = guard.challenge(first, 0.0)
    message = registration(challenge)
    proof = message.get("Authorization") or ""
    assert guard.verify(message, first, 1.0) == Verdict("101")
    for number, contact in ((8, "<sip:101@192.0.2.1>;expires=0"), (9, "*"), (10, "<sip:101@192.0.2.9>")):
        message = registration(challenge, number, contact)
        message.set("Authorization", proof)
        assert guard.verify(message, first, 2.0) == Verdict("101")
    message.set("CSeq", "11 REGISTER")
    assert guard.verify(message, Hop("tcp", ALICE.host, 40_000, 2), 3.0) == Verdict(stale=True)


@pytest.mark.parametrize(
    ("username", "verdict"),
    [
        ("102", Verdict(wrong=True)),
        ("102@bridge.test", Verdict(wrong=True)),
        ("sip:102@bridge.test", Verdict(wrong=True)),
        ("101@192.0.2.9", Verdict(unfit=True)),
        ("999@192.0.2.9", Verdict(unfit=True)),
        ("101@BRIDGE.test", Verdict(unfit=True)),
        ("sip:101", Verdict(unfit=True)),
        ("", Verdict(unfit=True)),
        ('"101"', Verdict(unfit=True)),
        ("15550100*101", Verdict(unfit=True)),
    ],
)
def test_what_cannot_be_checked_is_no_guess_whoever_is_meant(username: str, verdict: Verdict) -> None:
    guard = server()
    (read,) = Challenge.parse_list(guard.challenge(ALICE, 0.0)[0])
    message = invite(Authorization=read.answer(Credentials(username, "dev-101"), "INVITE", "sip:bob@example.com"))
    assert guard.verify(message, ALICE, 1.0) == verdict


def test_a_weaker_algorithm_is_no_guess_either() -> None:
    guard = server(algorithms=("SHA-256",))
    weaker = guard.challenge(ALICE, 0.0)[0].replace("SHA-256", "MD5")
    assert guard.verify(answered(weaker), ALICE, 1.0) == Verdict(unfit=True)


def test_an_old_nonce_is_stale() -> None:
    guard = server()
    message = answered(guard.challenge(ALICE, 0.0)[0])
    assert guard.verify(message, ALICE, 301.0) == Verdict(stale=True)
    assert guard.challenge(ALICE, 301.0, stale=True)[0].endswith(", stale=TRUE")


@pytest.mark.parametrize("qop", [True, False])
def test_a_registration_goes_on_with_its_nonce(qop: bool) -> None:
    guard = server(qop=qop)
    message = answered(guard.challenge(ALICE, 0.0)[0], method="REGISTER", uri="sip:bridge.test")
    message.set("CSeq", "7 REGISTER")
    assert guard.verify(message, ALICE, 1.0) == Verdict("101")
    assert guard.verify(message, ALICE, 2.0) == Verdict(stale=True)
    message.set("CSeq", "8 REGISTER")
    assert guard.verify(message, ALICE, 3000.0) == Verdict("101")
    message.set("CSeq", "9 REGISTER")
    assert guard.verify(message, ALICE, 7201.0) == Verdict(stale=True)
    message.set("Call-ID", "of somebody who has seen it")
    assert guard.verify(message, ALICE, 3001.0) == Verdict(stale=True)


def test_what_we_did_not_offer_is_asked_for_anew() -> None:
    guard = server()
    message = answered(guard.challenge(ALICE, 0.0)[0])
    message.set("Authorization", (message.get("Authorization") or "").replace("qop=auth", "qop=auth-int"))
    assert guard.verify(message, ALICE, 1.0) == Verdict()


@pytest.mark.parametrize(
    "uri", ["sip:bridge.test", "sip:BRIDGE.test;transport=UDP", "sip:example.com", "sip:bob@example.com;x=y"]
)
def test_the_uris_that_clients_put_into_the_digest(uri: str) -> None:
    guard = server()
    assert guard.verify(answered(guard.challenge(ALICE, 0.0)[0], uri=uri), ALICE, 1.0) == Verdict("101")


def test_the_count_must_rise() -> None:
    guard = server()
    (read,) = Challenge.parse_list(guard.challenge(ALICE, 0.0)[0])
    a1 = hash_a1("MD5", "101", "bridge.test", "dev-101")

    def verdict(nc: str) -> Verdict:
        proof = digest("MD5", a1, "INVITE", "sip:bridge.test", read.nonce, (nc, "c", "auth"))
        value = f'Digest username="101", realm="bridge.test", nonce="{read.nonce}", uri="sip:bridge.test", '
        value += f'response="{proof}", qop=auth, nc={nc}, cnonce="c"'
        return guard.verify(invite(Authorization=value), ALICE, 1.0)

    assert [verdict(nc).username for nc in ("00000001", "00000003", "00000002", "0000000a", "xyz")] == [
        "101",
        "101",
        None,
        "101",
        None,
    ]


def test_secrets_stay_out_of_logs() -> None:
    assert "dev-101" not in repr(Credentials("101", "dev-101"))


def challenged(*challenges: str, status: int = 401) -> Response:
    return response(invite(), status, headers=[("WWW-Authenticate", each) for each in challenges])


@pytest.mark.parametrize("order", [("MD5", "SHA-256"), ("SHA-256", "MD5"), ("MD5", "SHA-512-256", "SHA-256")])
def test_md5_only_where_nothing_better_is_offered(order: tuple[str, ...]) -> None:
    refusal = challenged(*(f'Digest realm="r", nonce="n", qop="auth", algorithm={name}' for name in order))
    ((_, answer),) = answers(refusal, "INVITE", "sip:bob@example.com", Credentials("101", "dev-101"))
    assert parse_auth(answer)[0][1]["algorithm"] == "SHA-256"


def test_only_the_realms_that_a_password_is_for_get_an_answer() -> None:
    refusal = challenged('Digest realm="evil", nonce="n"', 'Digest realm="home", nonce="n"')
    credentials = Credentials("101", "dev-101", frozenset({"home"}))
    ((_, answer),) = answers(refusal, "INVITE", "sip:bob@example.com", credentials)
    assert parse_auth(answer)[0][1]["realm"] == "home"
    assert credentials.answered == {"home"}


@pytest.mark.parametrize("stale", ["", ", stale=TRUE"])
def test_who_gets_no_answer_is_not_asked_again(stale: str) -> None:
    refusal = challenged(f'Digest realm="evil", nonce="n"{stale}')
    assert authorised(invite(), refusal, Credentials("101", "x", frozenset({"home"})), lambda: 2) is None


def test_a_refusal_says_where_to_and_who_asks() -> None:
    moved = response(invite(), 302, headers=[("Contact", "<sip:a@x>;q=0.1, <sip:b@y>;q=0.7, <sip:>, <sip:c@z>;q=high")])
    assert refused(moved).contacts == ("sip:c@z", "sip:b@y", "sip:a@x")
    assert str(refused(moved)) == "302 Moved Temporarily, to sip:c@z, sip:b@y, sip:a@x"
    assert refused(challenged('Digest realm="evil", nonce="n"')).realms == ("evil",)
    assert refused(response(invite(), 302, headers=[("Contact", "*")])).contacts == ()
