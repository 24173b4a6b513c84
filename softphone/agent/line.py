"""Addressing of an agent: targets of names, outbound proxy, and the hosts that get its password."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from softphone.errors import AuthenticationFailed, BadMessage, CallRefused
from softphone.sip.message.digest import Credentials
from softphone.sip.message.uri import Uri, number_of
from softphone.sip.transport.hop import UDP

__all__ = ["OutboundLine", "uri_of"]

SCHEME = re.compile(r"(sips?|tel):", re.IGNORECASE)


def uri_of(text: str, what: str = "the URI") -> Uri:
    """Read a URI of SIP.

    Raises
    ------
    BadMessage
        It is none; the message names it.
    """
    try:
        uri = Uri.parse(text)
    except BadMessage as error:
        raise BadMessage(f"{what} {text!r} is no SIP URI: {error.reason}") from error
    if not SCHEME.match(text):
        raise BadMessage(f"{what} {text!r} is no SIP URI: it begins with {uri.scheme}:")
    return uri


class OutboundLine:
    """Where calls go.

    Parameters
    ----------
    identity
        Who we are.
    registrar, proxy
        Where we are registered, and what everything is sent through; None: nowhere, straight.
    credentials
        What answers challenges.
    realm
        Whose challenges those are, when that is known.

    Attributes
    ----------
    credentials
        As given; after :meth:`registered` for the realm of the registrar alone.
    """

    def __init__(
        self,
        identity: Uri,
        registrar: Uri | None = None,
        proxy: Uri | None = None,
        credentials: Credentials | None = None,
        realm: str | None = None,
    ) -> None:
        self.identity = identity
        self._registrar = registrar
        self.proxy = proxy
        self.credentials = credentials
        if credentials is not None and realm is not None:
            self.credentials = replace(credentials, realms=frozenset({realm}))
        ours = [uri.host for uri in (identity, registrar, proxy) if uri is not None]
        # As far as they are addresses.
        self._servers = {uri.host for uri in (registrar, proxy) if uri is not None}
        self._ours = {host.lower() for host in ours}
        # Who names the realm and no server wants it answered wherever it asks.
        self._anywhere = realm is not None and registrar is None and proxy is None

    @property
    def next_hop(self) -> Uri | None:
        """Whom we talk to first: the outbound proxy, else the registrar."""
        return self.proxy or self._registrar

    def knows(self, address: str) -> bool:
        """Whether an address is that of our registrar or proxy."""
        return address in self._servers

    def reached_at(self, addresses: Iterable[str]) -> None:
        """Note the addresses of the servers that `next_hop` names: they may be called by those too."""
        there = set(addresses)
        self._ours |= there
        if self.next_hop is not None:
            self._servers |= there

    def registered(self) -> None:
        """Note whose challenge the registrar has sent: nobody else's is answered from now on."""
        if self.credentials is not None and self.credentials.answered and not self.credentials.realms:
            self.credentials = replace(self.credentials, realms=frozenset(self.credentials.answered))

    def complete(self, text: str) -> Uri:
        """Make a URI of whom the application wants to call.

        A user name or number alone is completed with the registrar's host, port and transport, a tel URI too; a URI at
        the registrar's host goes by the registrar's transport unless it names one.

        Raises
        ------
        BadMessage
            It is no URI, or says no host and there is no registrar.
        """
        if SCHEME.match(text):
            uri = uri_of(text)
        elif "@" in text:
            uri = uri_of(f"sip:{text}")
        elif self._registrar is None or not text:
            raise BadMessage(f"{text!r} says no host: write sip:{text}@HOST, or give the agent a registrar")
        else:
            return _at(self._registrar, text)
        return uri if self._registrar is None else _by_way_of(self._registrar, uri)

    def credentials_for(self, uri: Uri) -> Credentials | None:
        """Give the password for a call, None when who is called is none of ours: it is asked by whom we do not know."""
        if self._anywhere or self.proxy is not None or uri.host.lower() in self._ours:
            return self.credentials
        return None

    def explained(self, refusal: CallRefused, uri: Uri) -> CallRefused:
        """Say of a 401 or 407 what is wrong: no password, not for them, or not the right one."""
        if refusal.status not in (401, 407):
            return refusal
        said = f"({refusal.status} {refusal.reason})"
        realm = ", ".join(map(repr, refusal.realms)) or "no realm"
        if self.credentials is None:
            text = f"{uri} asks for a user name and password of {realm}, and there is none to give {said}"
        elif self.credentials_for(uri) is None or not any(map(self.credentials.is_for, refusal.realms)):
            text = f"{uri} asks for a password of {realm}; ours is for {self._whose()} and was not given away {said}"
        elif self.credentials.answered.isdisjoint(refusal.realms):
            text = f"{uri} wants a proof for {realm} that we cannot make: another algorithm or qop than ours {said}"
        else:
            text = f"{uri} does not accept our user name or password for {realm} {said}"
        return AuthenticationFailed(text, refusal)

    def not_registered(self, refusal: CallRefused, registrar: Uri) -> CallRefused:
        """Say of the registrar's refusal what is wrong; many say 403 of a wrong password."""
        if refusal.status == 403 and self.credentials is not None and self.credentials.answered:
            text = f"{registrar} does not accept our user name or password (403 {refusal.reason})"
            return AuthenticationFailed(text, refusal)
        return self.explained(refusal, registrar)

    def _whose(self) -> str:
        known: Sequence[str] = sorted(self.credentials.realms) if self.credentials else ()
        return " and ".join(map(repr, known)) or f"the server at {' or '.join(sorted(self._ours))}"


def _at(registrar: Uri, user: str) -> Uri:
    return Uri("sip", registrar.host, registrar.port, user, params=_way(registrar))


def _by_way_of(registrar: Uri, uri: Uri) -> Uri:
    if uri.scheme == "tel":
        return _at(registrar, number_of(uri))
    same = uri.scheme == "sip" and _place(uri) == _place(registrar) and "transport" not in uri.params
    return replace(uri, params={**uri.params, **_way(registrar)}, text="") if same else uri


def _place(uri: Uri) -> tuple[str, int]:
    return uri.host.lower(), uri.port or UDP.port


def _way(uri: Uri) -> dict[str, str | None]:
    """Keep of a URI's parameters what says how it is reached."""
    return {name: value for name, value in uri.params.items() if name in ("transport", "maddr")}
