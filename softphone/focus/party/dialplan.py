"""The dial plan: which telephones a number or a URI means, and for whom; and the guard of the trunk.

What goes wrong with a stolen password or a careless script costs money: so an extension answers for each call through
the trunk, the number is one, and there are limits, at once and in an hour.
"""

import re
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from softphone.config import SipConfig, TrunkConfig
from softphone.errors import BadMessage
from softphone.focus.home import Home
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import refused
from softphone.focus.token import PREFIX
from softphone.sip.message.digest import Credentials
from softphone.sip.message.uri import Uri, number_of, spelled
from softphone.sip.services.binding import Binding
from softphone.sip.transport.hop import Hop
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

if TYPE_CHECKING:
    from softphone.sip.services.registrar import Registrar

__all__ = ["DialPlan", "DialTarget", "Toll", "permitted"]

HOUR_S = 3600.0

# E.164 has 15 digits; prefixes of carriers and of private lines come before them.
NUMBER = re.compile(r"\+?[0-9*#]{1,32}")


def permitted(number: str, trunk: TrunkConfig) -> bool:
    """Whether a number may be called: the longest prefix that fits decides; "+" at its front makes no difference.

    Where there are prefixes that are allowed, all others are not.
    """
    digits = number.lstrip("+")
    prefixes = {each.lstrip("+"): False for each in trunk.deny} | {each.lstrip("+"): True for each in trunk.allow}
    fitting = [prefix for prefix in prefixes if digits.startswith(prefix)]
    return prefixes[max(fitting, key=len)] if fitting else not trunk.allow


@dataclass(frozen=True, slots=True)
class _Call:
    account: str
    member: Member


class Toll:
    """The calls that go through the trunk.

    Parameters
    ----------
    trunk
        Prefixes and limits.
    """

    def __init__(self, trunk: TrunkConfig) -> None:
        self._trunk = trunk
        self._calls: list[_Call] = []
        self._hour: defaultdict[str, deque[float]] = defaultdict(deque)

    def check(self, number: str, caller: Caller) -> None:
        """Refuse who may not call outside, and numbers that may not be called.

        Raises
        ------
        NotReached
            404: it is no number. 403: it may not be called, or not by somebody whom nobody knows.
        """
        if not NUMBER.fullmatch(number):
            raise refused(404, "unknown")
        if not caller.account or not permitted(number, self._trunk):
            raise refused(403, "not allowed")

    def enter(self, caller: Caller, member: Member, now: float) -> None:
        """Take note of a call that is about to be placed; it is forgotten when `member` is over.

        Parameters
        ----------
        now
            Seconds on one monotonic clock.

        Raises
        ------
        NotReached
            503: there are too many calls, of all or of the one who answers for this.
        """
        trunk, account = self._trunk, caller.account
        self._calls = [call for call in self._calls if not call.member.gone]
        recent = self._hour[account]
        while recent and recent[0] <= now - HOUR_S:
            recent.popleft()
        own = sum(1 for call in self._calls if call.account == account)
        counts = (len(self._calls), own, len(recent))
        limits = (trunk.max_calls, trunk.user_calls, trunk.user_calls_per_hour)
        if any(limit and count >= limit for count, limit in zip(counts, limits, strict=True)):
            raise refused(503, "too many calls")
        self._calls.append(_Call(account, member))
        recent.append(now)


@dataclass(frozen=True, slots=True)
class DialTarget:
    """One telephone, or the way to one."""

    uri: str
    flow: Hop | None = None
    "The one that it registered over; None: as the URI says."
    credentials: Credentials | None = None
    to: str = ""
    "Who is called, as a URI; empty: `uri`."
    trunk: bool = False
    "Whether it is somebody outside, who is shown the caller as the trunk wants it."
    binding: Binding | None = None
    "Its registration."

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
    settings, trunk
        Of signalling, and of the way to numbers outside.
    """

    def __init__(
        self,
        home: Callable[[], Home],
        accounts: Accounts,
        registrar: "Registrar",
        settings: SipConfig,
        trunk: TrunkConfig,
    ) -> None:
        self._home = home
        self._accounts = accounts
        self._registrar = registrar
        self._settings = settings
        self._trunk = trunk
        self.toll = Toll(trunk)

    @property
    def max_redirects(self) -> int:
        """How many further targets a call may be sent to by those that are called."""
        return self._settings.max_redirects

    def find(self, number: str) -> Extension | None:
        """Find the user that a number means; None: it is a number outside."""
        extension = self._accounts.find(number)
        return extension if extension is not None and extension.kind == "user" else None

    def phones(self, extension: Extension) -> list[DialTarget]:
        """List the registered telephones of an extension.

        Raises
        ------
        NotReached
            480: there is none.
        """
        now = time.monotonic()
        names = self._accounts.names(extension)
        bindings = [binding for name in names for binding in self._registrar.contacts(name, now)]
        if not bindings:
            raise refused(480, "not registered")
        to = str(self._home().address(extension.number))
        return [DialTarget(binding.uri, binding.hop, to=to, binding=binding) for binding in bindings]

    def outside(self, number: str, caller: Caller) -> list[DialTarget]:
        """Give the way to a number that is none of ours.

        Raises
        ------
        NotReached
            404: no trunk is configured, or it is no number. 403: it may not be called by this caller.
        """
        trunk = self._trunk
        if not trunk.uri:
            raise refused(404, "no trunk")
        self.toll.check(number, caller)
        credentials = Credentials(trunk.username, trunk.password) if trunk.username else None
        scheme, _, host = trunk.uri.partition(":")
        return [DialTarget(f"{scheme}:{number}@{host}", credentials=credentials, trunk=True)]

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
        if self._trunk.uri and uri.host.lower() == Uri.parse(self._trunk.uri).host.lower():
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


def _is_uri(called: str) -> bool:
    return called.partition(":")[0].lower() in ("sip", "sips")
