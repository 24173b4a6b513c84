"""Whom an agent means by a name, by which way, and who is shown its password."""

import pytest

from softphone import Agent, AuthenticationFailed, BadMessage, CallRefused
from softphone.agent.line import OutboundLine, uri_of
from softphone.sip.message.digest import Credentials
from softphone.sip.message.uri import Uri

HOME = Uri.parse("sip:bot@home.example")
PBX = Uri.parse("sip:pbx.example;transport=tcp")
SECRET = Credentials("bot", "secret")
TRIED = Credentials("bot", "secret")
TRIED.answered.add("r")


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        ("102", "sip:102@pbx.example;transport=tcp"),
        ("*97", "sip:*97@pbx.example;transport=tcp"),
        ("tel:+1-650-555-0100", "sip:+16505550100@pbx.example;transport=tcp"),
        ("sip:102@pbx.example", "sip:102@pbx.example;transport=tcp"),
        ("102@PBX.example:5060", "sip:102@pbx.example:5060;transport=tcp"),
        ("sip:102@pbx.example;transport=udp", "sip:102@pbx.example;transport=udp"),
        ("sip:102@pbx.example:5070", "sip:102@pbx.example:5070"),
        ("sip:102@elsewhere.example", "sip:102@elsewhere.example"),
        ("102@elsewhere.example", "sip:102@elsewhere.example"),
        ("sips:102@pbx.example", "sips:102@pbx.example"),
    ],
)
def test_calls_go_the_registrars_way(asked: str, called: str) -> None:
    assert str(OutboundLine(HOME, PBX).complete(asked)) == called


@pytest.mark.parametrize("asked", ["102", "", "127.0.0.1:5060"])
def test_without_a_registrar_a_name_alone_is_nowhere(asked: str) -> None:
    with pytest.raises(BadMessage, match="says no host"):
        OutboundLine(HOME).complete(asked)


@pytest.mark.parametrize("wrong", ["sip:", "sip:a b@c", "http://x", "mailto:a@b", "sip:a@b:port", "<sip:a@b>", ""])
def test_what_is_no_uri_is_named(wrong: str) -> None:
    with pytest.raises(BadMessage) as told:
        uri_of(wrong, "registrar")
    assert str(told.value).startswith(f"registrar {wrong!r} is no SIP URI: ")


@pytest.mark.parametrize("option", ["uri", "registrar", "outbound_proxy"])
def test_an_agent_names_the_option_that_is_no_uri(option: str) -> None:
    with pytest.raises(BadMessage, match=f"{option} 'nonsense:' is no SIP URI"):
        Agent(**{option: "nonsense:"})  # type: ignore[arg-type]


@pytest.mark.parametrize("codecs", [("GSM",), ("PCMU", "pcmu"), (), "PCMU"])
def test_a_codec_that_we_lack_is_named_at_once(codecs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="some of PCMU, PCMA, G722"):
        Agent(codecs=codecs)


@pytest.mark.parametrize(
    ("line", "asked", "given"),
    [
        (OutboundLine(HOME, credentials=SECRET), "sip:x@home.example:5070", True),
        (OutboundLine(HOME, credentials=SECRET), "sip:x@HOME.example", True),
        (OutboundLine(HOME, credentials=SECRET), "sip:x@hostile.example", False),
        (OutboundLine(HOME, credentials=SECRET), "sip:x@home.example.hostile.example", False),
        (OutboundLine(HOME, PBX, credentials=SECRET), "sip:x@pbx.example", True),
        (OutboundLine(HOME, PBX, credentials=SECRET), "sip:x@hostile.example", False),
        (OutboundLine(HOME, PBX, credentials=SECRET, realm="pbx"), "sip:x@hostile.example", False),
        (OutboundLine(HOME, proxy=PBX, credentials=SECRET), "sip:x@elsewhere.example", True),
        (OutboundLine(HOME, credentials=SECRET, realm="pbx"), "sip:x@elsewhere.example", True),
    ],
)
def test_only_our_servers_are_given_an_answer(line: OutboundLine, asked: str, given: bool) -> None:
    assert (line.credentials_for(Uri.parse(asked)) is not None) == given


def test_a_server_is_ours_by_its_address_too() -> None:
    line = OutboundLine(HOME, PBX, credentials=SECRET)
    line.reached_at(["192.0.2.7"])
    assert line.credentials_for(Uri.parse("sip:x@192.0.2.7")) is not None


def test_the_realm_of_the_registrar_is_learned() -> None:
    line = OutboundLine(HOME, PBX, credentials=Credentials("bot", "secret"))
    assert line.credentials is not None and line.credentials.is_for("whoever")
    line.credentials.answered.add("pbx")
    line.registered()
    assert line.credentials.is_for("pbx") and not line.credentials.is_for("behind it")


@pytest.mark.parametrize(
    ("line", "asked", "realm", "said"),
    [
        (OutboundLine(HOME), "sip:x@home.example", "r", "there is none to give"),
        (OutboundLine(HOME, credentials=SECRET), "sip:x@evil.example", "r", "was not given away"),
        (OutboundLine(HOME, PBX, credentials=SECRET, realm="pbx"), "sip:x@pbx.example", "r", "ours is for 'pbx'"),
        (
            OutboundLine(HOME, credentials=TRIED),
            "sip:x@home.example",
            "r",
            "does not accept our user name or password",
        ),
        (OutboundLine(HOME, credentials=TRIED), "sip:x@home.example", "s", "that we cannot make: another algorithm"),
    ],
)
def test_a_refusal_for_want_of_a_password_says_which(line: OutboundLine, asked: str, realm: str, said: str) -> None:
    uri = Uri.parse(asked)
    told = line.explained(CallRefused(407, "Proxy Authentication Required", realms=[realm]), uri)
    assert isinstance(told, AuthenticationFailed) and (told.status, told.realms) == (407, (realm,))
    assert said in str(told) and asked in str(told) and "secret" not in str(told)


def test_other_refusals_stay_what_they_are() -> None:
    refusal = CallRefused(486, "Busy Here")
    assert OutboundLine(HOME, credentials=SECRET).explained(refusal, HOME) is refusal
