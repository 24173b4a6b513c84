"""The registrar (RFC 3261 section 10.3): the bindings of users, as a value without a clock.

Whether the sender may register at all has been decided before (digest); here is what its REGISTER does.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from softphone.errors import BadMessage, SipNetworkError
from softphone.phrases import OUT_OF_ORDER
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, Response, response
from softphone.sip.message.uri import number_of
from softphone.sip.services.binding import Binding
from softphone.sip.transport.flow import Flows, Hold
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.edge_profile import edge_of

__all__ = ["Registrar"]

HOUR_S = 3600

PATH = "path"

# A call that nobody answered may have been lost once; the second one says that nobody is there.
FAILURES = 2


@dataclass(frozen=True)
class Refusal(Exception):
    """Why a REGISTER changes nothing."""

    status: int
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Registrar:
    """All bindings, by user part of the address of record: one domain, whatever name a telephone gives it.

    Parameters
    ----------
    min_expires, max_expires, default_expires
        Seconds: shorter is refused with 423, longer is cut, unsaid is the default.
    max_contacts
        Telephones per user; one more takes the place of another one, which is the least likely to be there.
    flows
        Finds open flows: those of bindings are held, and a binding whose flow is closed is tried last, at its Contact,
        or forgotten if nobody could reach it there.

    Attributes
    ----------
    on_change
        Called with a user whose bindings are others now.
    """

    def __init__(
        self,
        *,
        min_expires: int = 30,
        max_expires: int = HOUR_S,
        default_expires: int = HOUR_S,
        max_contacts: int = 5,
        flows: Flows = lambda target: None,
    ) -> None:
        self.min_expires = min_expires
        self.max_expires = max_expires
        self.default_expires = default_expires
        self.max_contacts = max_contacts
        self.on_change: Callable[[str], object] | None = None
        self._flows = flows
        self._users: dict[str, list[Binding]] = {}
        self._holds: dict[str, list[Hold]] = {}

    def count(self, now: float) -> int:
        """Count the telephones that are registered."""
        return sum(len(self.contacts(user, now)) for user in list(self._users))

    def contacts(self, user: str, now: float) -> list[Binding]:
        """Return the telephones of a user: those that failed last, then the preferred first, then the latest."""
        bindings = self._users.get(user, [])
        alive = [binding for binding in bindings if binding.expires_at > now]
        if len(alive) < len(bindings):
            self._put(user, alive)
        return sorted(alive, key=lambda binding: (binding.failures, -binding.q, -binding.expires_at))

    def bindings(self, now: float) -> list[Binding]:
        """Return the telephones of all users."""
        return [binding for user in sorted(self._users) for binding in self.contacts(user, now)]

    def restore(self, user: str, bindings: Iterable[Binding], now: float) -> None:
        """Let a user have telephones that it had before a restart; none lives longer than if it registered now."""
        latest = now + self.max_expires
        capped = [replace(each, expires_at=min(each.expires_at, latest)) for each in bindings]
        self._put(user, [each for each in capped if each.expires_at > now])

    def failed(self, binding: Binding) -> None:
        """Take note that nobody answered at a telephone: it is tried last, and forgotten when that happens again.

        A time-out or a transport error is meant; whoever answers is there, with 486 or 603, too. What has been
        refreshed meanwhile is a new binding, which has not failed.
        """
        self._judge(binding, binding.failures + 1)

    def answered(self, binding: Binding) -> None:
        """Take note that somebody is there after all."""
        self._judge(binding, 0)

    def drop(self, binding: Binding) -> None:
        """Forget a telephone: its flow is closed for good, or an administrator says so."""
        self._judge(binding, FAILURES)

    def _judge(self, binding: Binding, failures: int) -> None:
        bindings = self._users.get(binding.user, [])
        if binding in bindings:
            left = [each for each in bindings if each != binding]
            self._put(binding.user, left if failures >= FAILURES else [*left, replace(binding, failures=failures)])

    def _put(self, user: str, bindings: list[Binding]) -> None:
        """Let these be the bindings of a user, and hold the flows that they are reached by."""
        numbers = {each.hop.connection: each.hop for each in bindings if each.has_flow}
        found = [(number, self._flows(hop)) for number, hop in numbers.items()]
        holds = [flow.hold(partial(self._lost, user, number)) for number, flow in found if flow is not None]
        for hold in self._holds.pop(user, ()):
            hold.release()
        if holds:
            self._holds[user] = holds
        if bindings:
            self._users[user] = bindings
        else:
            self._users.pop(user, None)
        if self.on_change is not None:
            self.on_change(user)

    def _lost(self, user: str, number: int | None) -> None:
        """Take note that a connection is closed."""
        left = [each.without_flow() if each.hop.connection == number else each for each in self._users.get(user, ())]
        self._put(user, [each for each in left if each is not None])

    def handle(self, request: Request, source: Hop, now: float) -> Response:
        """Carry a REGISTER out; all of it, or nothing (RFC 3261 section 10.3).

        The response lists the telephones of the user in one Contact header, the sender's first; to one that takes the
        header for its own (`EdgeProfile.one_contact`) it names no other.
        """
        user = number_of(request.to.uri)
        present = self.contacts(user, now)
        try:
            changed = self._changed(request, source, present, now)
        except (Refusal, BadMessage) as refusal:
            headers = refusal.headers if isinstance(refusal, Refusal) else ()
            return response(request, refusal.status, refusal.reason, headers=headers)
        self._put(user, changed)
        told = changed
        if edge_of(request).one_contact:
            told = [each for each in changed if (each.call_id, each.cseq) == _said(request)]
            self._comes_or_leaves(request, source, comes=bool(told))
        return response(request, 200, headers=[*_listed(told, request, now), *_path(request)])

    def has_left(self, source: Hop) -> bool:
        """Whether the telephone that has this connection to itself has unregistered by it, and is not back."""
        flow = self._flows(source)
        return flow is not None and flow.left

    def _comes_or_leaves(self, request: Request, source: Hop, *, comes: bool) -> None:
        flow = self._flows(source)
        asks = request.contacts or request.contact_is_star
        if flow is not None and asks and len(request.vias) == 1:  # of one behind a proxy its connection tells nothing
            flow.left = not comes

    def _changed(self, request: Request, source: Hop, present: list[Binding], now: float) -> list[Binding]:
        if request.contact_is_star:
            return _all_removed(request, present)
        bindings = list(present)
        for contact in request.contacts:
            lifetime = self._lifetime(contact, request)
            new = _binding(contact, request, source, now, lifetime)
            _check_order(new, bindings)
            bindings = [each for each in bindings if not new.replaces(each)]
            if lifetime:
                bindings.insert(0, new)
        return self._fitting(bindings, request, source)

    def _fitting(self, bindings: list[Binding], request: Request, source: Hop) -> list[Binding]:
        """Make room for what has just been registered: never at its own cost, whatever else has to go."""
        new = _said(request)
        old = sorted((each for each in bindings if (each.call_id, each.cseq) != new), key=_staleness(source))
        surplus = len(bindings) - self.max_contacts
        if surplus > 0 and edge_of(request).one_contact:
            raise Refusal(603, "Too Many Contacts")
        if surplus > len(old):
            raise Refusal(403, "Too Many Contacts")
        given_up = old[: max(0, surplus)]
        return [each for each in bindings if each not in given_up]

    def _lifetime(self, contact: Address, request: Request) -> int:
        """Seconds that a binding lives (RFC 3261 section 10.2.1.1); 0 removes it."""
        said = contact.params.get("expires")
        wanted = int(said) if said and said.isascii() and said.isdigit() and len(said) < 11 else request.expires
        if wanted is None:
            return self.default_expires
        if 0 < wanted < self.min_expires:
            raise Refusal(423, None, (("Min-Expires", str(self.min_expires)),))
        return min(wanted, self.max_expires)


def _said(request: Request) -> tuple[str, int]:
    """Give what the bindings of one REGISTER have in common."""
    return request.call_id, request.cseq.number


def _binding(contact: Address, request: Request, source: Hop, now: float, lifetime_s: float) -> Binding:
    try:
        return Binding.of(contact, request, source, now, lifetime_s)
    except SipNetworkError:
        raise Refusal(400, "Contact Cannot Be Reached") from None


def _staleness(source: Hop) -> Callable[[Binding], tuple[bool, bool, bool, float]]:
    """Order bindings by how likely nobody is there any more, for somebody who registers from `source`.

    One that failed; one from the same host, where the telephone has been started anew; one without a connection, for
    an open one shows that somebody is there; the one that was refreshed longest ago.
    """
    return lambda each: (not each.failures, each.came.host != source.host, each.has_flow, each.refreshed_at)


def _all_removed(request: Request, present: Iterable[Binding]) -> list[Binding]:
    """``Contact: *`` goes with ``Expires: 0`` only (RFC 3261 section 10.2.2)."""
    if request.expires != 0:
        raise Refusal(400, "Contact * Needs Expires 0")
    for binding in present:
        _check_order(replace(binding, call_id=request.call_id, cseq=request.cseq.number), [binding])
    return []


def _check_order(new: Binding, bindings: Iterable[Binding]) -> None:
    """Refuse a request that is older than what it would change (RFC 3261 section 10.3, step 7)."""
    for old in bindings:
        if new.replaces(old) and new.call_id == old.call_id and new.cseq <= old.cseq:
            raise Refusal(500, OUT_OF_ORDER)


def _path(request: Request) -> list[tuple[str, str]]:
    """Show a telephone that knows Path by which proxies it is reached (RFC 3327 section 5.3); others are, too."""
    known = PATH in map(str.lower, [*request.tokens("Supported"), *request.tokens("Require")])
    values = [("Path", value) for value in request.get_all("Path")] if known else []
    return [("Supported", PATH), *values]


def _listed(bindings: Iterable[Binding], request: Request, now: float) -> list[tuple[str, str]]:
    ordered = sorted(bindings, key=lambda binding: binding.call_id != request.call_id)
    values = []
    for binding in ordered:
        kept = {name: value for name, value in binding.contact.params.items() if name != "expires"}
        kept["expires"] = str(max(0, round(binding.expires_at - now)))
        values.append(str(Address(binding.contact.uri, binding.contact.display, kept)))
    return [("Contact", ", ".join(values))] if values else []
