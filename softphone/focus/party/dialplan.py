"""The dial plan: numbers and URIs to targets, which are our phones or routes to the outside, per caller."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from softphone.address import canonical
from softphone.config import Config, TrunkConfig
from softphone.errors import BadMessage
from softphone.focus.home import Home
from softphone.focus.party.identity import Caller
from softphone.focus.party.outcome import refused
from softphone.focus.party.toll import Toll
from softphone.focus.party.trunks import Trunks
from softphone.focus.session import PartyAddress
from softphone.focus.token import PREFIX
from softphone.sip.message.digest import Credentials
from softphone.sip.message.uri import Uri, number_of, spelled
from softphone.sip.services.binding import Binding, by_telephone
from softphone.sip.services.registrar import Registrar
from softphone.sip.transport.hop import TLS, WS, WSS, Hop
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.edge_profile import ORDINARY, EdgeProfile, edge_of_agent
from softphone.srtp import Encryption
from softphone.store.accounts import Accounts
from softphone.store.call_handling import CallHandling
from softphone.store.values import Extension

__all__ = ["DialPlan", "DialTarget"]


@dataclass(frozen=True, slots=True)
class DialTarget:
    """One telephone, or the way to one."""

    uri: str
    flow: Hop | None = None
    "The one that it registered over; None: as the URI says."
    credentials: Credentials | None = None
    to: str = ""
    "Who is called, as a URI; empty: `uri`."
    trunk: TrunkConfig | None = None
    "The one to somebody outside, who is shown the caller as it wants it."
    stage: int = 0
    "When it rings: with those before it, some seconds after they began (RFC 3261 section 16.6, by q)."
    backup: bool = False
    "Whether it is another way to the same: it is taken when those before have not led there."
    binding: Binding | None = None
    "Its registration."
    next_flow: "DialTarget | None" = None
    "The same telephone by another of its flows, which is taken when this one has failed (RFC 5626 section 5.3)."

    @property
    def host(self) -> str:
        """Where it is: an address, or a name."""
        return self.flow.host if self.flow is not None else canonical(Uri.parse(self.uri).host)

    @property
    def edge(self) -> EdgeProfile:
        """What its kind of telephone needs that others do not."""
        return ORDINARY if self.binding is None else edge_of_agent(self.binding.agent)

    @property
    def browser(self) -> bool:
        """Whether it is likely to speak WebRTC: it has come over WebSocket (RFC 7118)."""
        return self.flow is not None and self.flow.transport in (WS.name, WSS.name)

    @property
    def encrypted(self) -> bool:
        """Whether keys may be told to it: it has come over TLS (RFC 4568 section 9.1)."""
        return self.flow is not None and self.flow.transport == TLS.name

    @property
    def doubtful(self) -> bool:
        """Whether nobody answered there the last time: it is asked when all others are gone, too."""
        return self.binding is not None and self.binding.failures > 0


class DialPlan:
    """Knows the way to a number.

    Parameters
    ----------
    home
        Gives our own names.
    accounts, registrar
        Our extensions, and where their telephones are.
    config
        Of signalling, of the trunks and their guard.

    Attributes
    ----------
    trunks, toll
        The ways to numbers outside, and the guard of calls there.
    talks
        Says whether an extension has a call.
    """

    def __init__(
        self,
        home: Callable[[], Home],
        accounts: Accounts,
        registrar: Registrar,
        config: Config,
    ) -> None:
        self._home = home
        self._accounts = accounts
        self._registrar = registrar
        self._settings = config.sip
        self._encryption = config.media.encryption
        self.trunks = Trunks(config)
        self.toll = Toll(config.toll)
        self.talks: Callable[[Extension], bool] = lambda _extension: False

    def encryption(self, call: InviteSession | None) -> Encryption:
        """Say whether the media of a call is to be encrypted, of one that comes from a trunk as that wants it."""
        trunk = None if call is None else self.trunks.of(call.invite, call.source)
        return (trunk.encryption if trunk is not None else "") or self._encryption

    @property
    def max_redirects(self) -> int:
        """How many further targets a call may be sent to by those that are called."""
        return self._settings.max_redirects

    @property
    def ring_stage_s(self) -> float:
        """How long telephones ring before those that are less preferred do, too."""
        return self._settings.ring_stage_s

    @property
    def park_recall_s(self) -> float:
        """How long a call is parked before whoever has parked it is rung again; 0: that is never."""
        return self._settings.park_recall_s

    def find(self, number: str) -> Extension | None:
        """Find the user that a number means; None: it is a number outside."""
        extension = self._accounts.find(number)
        return extension if extension is not None and extension.kind == "user" else None

    def whom(self, number: str) -> PartyAddress:
        """Say who a number is, as parties show it."""
        extension = self.find(number)
        return PartyAddress(number) if extension is None else PartyAddress.of(extension)

    def handling(self, extension: Extension) -> CallHandling:
        """Say what becomes of calls to a user."""
        return self._accounts.handling(extension.id)

    def phones(self, extension: Extension) -> list[DialTarget]:
        """List the registered telephones of an extension, each once, however many flows it has.

        Raises
        ------
        NotReached
            480: there is none, or nobody is to be disturbed there. 486: it is busy, and no further call is to wait.
        """
        handling = self.handling(extension)
        if handling.do_not_disturb:
            raise refused(480, "do not disturb")
        if not handling.call_waiting and self.talks(extension):
            raise refused(486, "busy")
        now = time.monotonic()
        names = self._accounts.names(extension)
        bindings = [binding for name in names for binding in self._registrar.contacts(name, now)]
        if not bindings:
            raise refused(480, "not registered")
        to = str(self._home().address(extension.number))
        telephones = by_telephone(bindings)
        preferences = sorted({flows[0].q for flows in telephones}, reverse=True)
        return [_telephone(flows, to, preferences.index(flows[0].q)) for flows in telephones]

    def outside(self, number: str, caller: Caller) -> list[DialTarget]:
        """Give the ways to a number that is none of ours, the preferred one first.

        Raises
        ------
        NotReached
            404: no trunk is configured, or it is no number. 403: it may not be called by this caller, or no trunk
            takes it.
        """
        if not self.trunks.all:
            raise refused(404, "no trunk")
        self.toll.check(self.trunks.outside(number), caller)
        ways = self.trunks.ways(number)
        if not ways:
            raise self.toll.refusal(403, "not allowed", number, caller)
        return [_through(trunk, called, backup=index > 0) for index, (trunk, called) in enumerate(ways)]

    def targets(self, number: str, caller: Caller) -> list[DialTarget]:
        """List the telephones that a number means, inside or outside.

        Raises
        ------
        NotReached
            There is none. 482: it is a conference of ours, which is no telephone.
        """
        if _is_uri(number):
            return self._at(number, caller)
        extension = self.find(number)
        if extension is not None:
            return self.phones(extension)
        if self._is_conference(number):
            raise refused(482, "loop")
        return self.outside(number, caller)

    def _at(self, uri: str, caller: Caller) -> list[DialTarget]:
        try:
            return self.reach(Uri.parse(uri), caller)
        except BadMessage as error:
            raise refused(404, "unknown") from error

    def spelled(self, called: str, known_as: str = "") -> str:
        """Say whom a text means that somebody wants called: a number, or the URI of somebody elsewhere.

        Parameters
        ----------
        known_as
            A name by which whoever says so reaches us.
        """
        if not _is_uri(called):
            return spelled(called)
        try:
            uri = Uri.parse(called)
        except BadMessage:
            return called
        return number_of(uri) if uri.scheme == "sip" and self._home().owns(uri, known_as) else called

    def _is_conference(self, number: str) -> bool:
        accounts = self._accounts
        return number.startswith(PREFIX) or accounts.is_main_number(number) or accounts.find(number) is not None

    def is_taken(self, number: str) -> bool:
        """Whether a number leads somewhere here, or is named as one outside, like that of emergencies."""
        settings = self._settings
        rooms = self._accounts.find(number.removeprefix(settings.own_room_prefix))
        here = self._is_conference(number) or rooms is not None or number == settings.echo_number
        return here or self.trunks.names(number)

    def reach(self, uri: Uri, caller: Caller, known_as: str = "") -> list[DialTarget]:
        """List the telephones that a URI means, which somebody says is to be called.

        A number of ours, or of the trunk, is what its user part says; anybody else's is called there, where that is
        allowed: calls of ours do not go wherever a telephone likes.

        Parameters
        ----------
        known_as
            A name by which whoever says so reaches us.

        Raises
        ------
        NotReached
            There is none. 403: it may not be called. 416: not by this scheme.
        """
        if uri.scheme not in ("sip", "tel"):
            raise refused(416, "unknown")
        if uri.scheme == "tel" or self._home().owns(uri, known_as):
            return self.targets(number_of(uri), caller)
        if self.trunks.has(uri):
            return self.outside(number_of(uri), caller)
        allowed = self._settings.dial_domains
        if not caller.account or not ("*" in allowed or uri.host.lower() in map(str.lower, allowed)):
            raise refused(403, "not allowed")
        return [DialTarget(str(uri))]

    def lost(self, target: DialTarget) -> None:
        """Take note that nobody is at a telephone."""
        if target.binding is not None:
            self._registrar.failed(target.binding)

    def found(self, target: DialTarget) -> None:
        """Take note that somebody is there."""
        if target.binding is not None and target.doubtful:
            self._registrar.answered(target.binding)


def _telephone(flows: list[Binding], to: str, stage: int) -> DialTarget:
    """One telephone, by the first of its flows, and by the others in their order when that fails."""
    first, *others = flows
    further = _telephone(others, to, stage) if others else None
    return DialTarget(first.uri, first.hop, to=to, binding=first, stage=stage, next_flow=further)


def _through(trunk: TrunkConfig, number: str, *, backup: bool) -> DialTarget:
    """Give the way to a number through a trunk."""
    credentials = Credentials(trunk.username, trunk.password) if trunk.username else None
    scheme, _, host = trunk.uri.partition(":")
    return DialTarget(f"{scheme}:{number}@{host}", credentials=credentials, trunk=trunk, backup=backup)


def _is_uri(called: str) -> bool:
    return called.partition(":")[0].lower() in ("sip", "sips")
