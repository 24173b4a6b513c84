"""The registrar (RFC 3261 section 10.3): which telephones a user can be reached at, as a value without a clock.

Whether the sender may register at all has been decided before (digest); here is what its REGISTER does.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from softphone.errors import BadMessage, SipNetworkError
from softphone.sip.endpoint import Endpoint
from softphone.sip.fields import Address
from softphone.sip.flow import flow_of
from softphone.sip.message import Request, Response, response
from softphone.sip.number import number_of

__all__ = ["Binding", "Registrar"]

HOUR_S = 3600


@dataclass(frozen=True)
class Binding:
    """One telephone of a user.

    Attributes
    ----------
    contact
        The Contact as it was registered.
    endpoint
        Where requests for it are sent: its Contact's address, or the flow it registered over if that is not direct.
    expires_at
        End of the registration, on the clock of `Registrar.handle`.
    """

    contact: Address
    endpoint: Endpoint
    expires_at: float
    call_id: str
    cseq: int

    @property
    def uri(self) -> str:
        """The Contact URI: Request-URI of requests for it."""
        return str(self.contact.uri)

    @property
    def q(self) -> float:
        """Preference, 0 to 1 (RFC 3261 section 20.10); 1 if not said."""
        try:
            return min(1.0, max(0.0, float(self.contact.params.get("q") or 1.0)))
        except ValueError:
            return 1.0

    @property
    def instance(self) -> str:
        """What names the telephone over changes of its address (RFC 5626 section 4.1), "" if nothing does."""
        instance = self.contact.params.get("+sip.instance") or ""
        return instance and f"{instance};{self.contact.params.get('reg-id') or ''}"

    def replaces(self, other: "Binding") -> bool:
        """Whether both are the same telephone."""
        if self.instance or other.instance:
            return self.instance == other.instance
        return self.contact.uri == other.contact.uri


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
        Telephones per user; one more is refused with 603.
    """

    def __init__(
        self, *, min_expires: int = 30, max_expires: int = HOUR_S, default_expires: int = HOUR_S, max_contacts: int = 5
    ) -> None:
        self.min_expires = min_expires
        self.max_expires = max_expires
        self.default_expires = default_expires
        self.max_contacts = max_contacts
        self._users: dict[str, list[Binding]] = {}

    def count(self, now: float) -> int:
        """Count the telephones that are registered."""
        return sum(len(self.contacts(user, now)) for user in list(self._users))

    def contacts(self, user: str, now: float) -> list[Binding]:
        """Return the telephones of a user, the preferred first, the latest first among equals."""
        alive = [binding for binding in self._users.get(user, ()) if binding.expires_at > now]
        if alive:
            self._users[user] = alive
        else:
            self._users.pop(user, None)
        return sorted(alive, key=lambda binding: (-binding.q, -binding.expires_at))

    def handle(self, request: Request, source: Endpoint, now: float) -> Response:
        """Carry a REGISTER out; all of it, or nothing (RFC 3261 section 10.3).

        The response lists the telephones of the user in one Contact header, the sender's first.
        """
        user = number_of(request.to.uri)
        present = self.contacts(user, now)
        try:
            changed = self._changed(request, source, present, now)
        except (Refusal, BadMessage) as refusal:
            headers = refusal.headers if isinstance(refusal, Refusal) else ()
            return response(request, refusal.status, refusal.reason, headers=headers)
        if changed:
            self._users[user] = changed
        else:
            self._users.pop(user, None)
        return response(request, 200, headers=_listed(changed, request, now))

    def _changed(self, request: Request, source: Endpoint, present: list[Binding], now: float) -> list[Binding]:
        if request.contact_is_star:
            return _all_removed(request, present)
        bindings = list(present)
        for contact in request.contacts:
            lifetime = self._lifetime(contact, request)
            new = _binding(contact, request, source, now + lifetime)
            _check_order(new, bindings)
            bindings = [each for each in bindings if not new.replaces(each)]
            if lifetime:
                bindings.insert(0, new)
        if len(bindings) > max(self.max_contacts, len(present)):
            raise Refusal(603, "Too Many Contacts")
        return bindings

    def _lifetime(self, contact: Address, request: Request) -> int:
        """Seconds that a binding lives (RFC 3261 section 10.2.1.1); 0 removes it."""
        said = contact.params.get("expires")
        wanted = int(said) if said and said.isascii() and said.isdigit() and len(said) < 11 else request.expires
        if wanted is None:
            return self.default_expires
        if 0 < wanted < self.min_expires:
            raise Refusal(423, None, (("Min-Expires", str(self.min_expires)),))
        return min(wanted, self.max_expires)


def _binding(contact: Address, request: Request, source: Endpoint, expires_at: float) -> Binding:
    """Make the binding of a Contact; one that only TLS or a WebSocket reaches needs a flow to be reached by."""
    if contact.uri.scheme not in ("sip", "sips"):
        raise Refusal(400, "Contact Is No SIP URI")
    try:
        where = flow_of(request, source) or Endpoint.of_uri(contact.uri)
    except SipNetworkError:
        raise Refusal(400, "Contact Transport Not Spoken Here") from None
    return Binding(contact, where, expires_at, request.call_id, request.cseq.number)


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
            raise Refusal(500, "CSeq Out Of Order")


def _listed(bindings: Iterable[Binding], request: Request, now: float) -> list[tuple[str, str]]:
    ordered = sorted(bindings, key=lambda binding: binding.call_id != request.call_id)
    values = []
    for binding in ordered:
        kept = {name: value for name, value in binding.contact.params.items() if name != "expires"}
        kept["expires"] = str(max(0, round(binding.expires_at - now)))
        values.append(str(Address(binding.contact.uri, binding.contact.display, kept)))
    return [("Contact", ", ".join(values))] if values else []
