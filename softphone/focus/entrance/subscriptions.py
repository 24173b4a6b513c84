"""Phones that show the roster: subscriptions to the conferences of this node (RFC 4575), fed by the focus's feed."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from mixer.rules.roles import Place
from softphone.focus.entrance.conference_info import ConferenceInfo, ConferencePackage, User, UserEndpoint, sip_uri
from softphone.focus.feed import EventType
from softphone.focus.focus import Focus
from softphone.focus.party.member import Member
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room.referrals import refer, was_called
from softphone.focus.session import Party, PartyStatus, TelephonySession
from softphone.sip.services.notifier import Notifier, Pending
from softphone.sip.ua.referral import Reference, accept, referred
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

if TYPE_CHECKING:
    from softphone.sip.message.message import Request, Response
    from softphone.sip.stack import Stack
    from softphone.sip.transport.hop import Hop

__all__ = ["RosterSubscriptions", "roster"]

TITLE = "Conference"

# What a roster shows the change of. Talking begins and ends all the time, and it does not show that.
SHOWN = frozenset(
    {
        EventType.CONFERENCE_CHANGED,
        EventType.CONFERENCE_ENDED,
        EventType.PARTY_WAITING,
        EventType.PARTY_JOINED,
        EventType.PARTY_LEFT,
        EventType.PARTY_CHANGED,
    }
)


# In place of a session: that of somebody who is being asked for a code, wherever it leads.
ENTRANCE = "entrance"


class RosterSubscriptions:
    """All who are told of rosters; an async context manager, which follows the feed while it is open.

    Parameters
    ----------
    focus
        Whose conferences they are.
    stack
        Sends the NOTIFYs.
    accounts
        Who may watch; the host part of the URIs of parties is their domain.
    """

    def __init__(self, focus: Focus, stack: "Stack", accounts: Accounts) -> None:
        self._focus, self._stack, self._accounts = focus, stack, accounts
        self._notifier = Notifier(stack, ConferencePackage(self._roster))
        self._entering: Counter[str] = Counter()
        self._written: dict[str, ConferenceInfo] = {}
        self._following: asyncio.Task[None]

    async def __aenter__(self) -> "RosterSubscriptions":
        """Begin to follow."""
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Tell everybody that it is over."""
        self._following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._following
        await self._notifier.close()

    def __len__(self) -> int:
        return len(self._notifier)

    def bad_event(self, request: "Request") -> "Response | None":
        """Refuse a SUBSCRIBE for anything but rosters."""
        return self._notifier.bad_event(request)

    def subscribe(
        self, request: "Request", source: "Hop", room: ConferenceRoom | None, member: Extension | None = None
    ) -> "Response":
        """Answer a SUBSCRIBE to a conference.

        Parameters
        ----------
        room
            None: there is none that the subscriber may watch.
        member
            Who may watch only while being in it, or for being its owner or an administrator; None: this one may for
            another reason.
        """
        contact = self._stack.contact(request.uri.user, source, focus=True)
        names = [room.session.id] if room is not None else []
        if member is not None:
            if self._entering[member.number] and (room is None or not self._belongs(member.number, room)):
                names = [ENTRANCE]
            names.append(member.number)
        return self._notifier.handle(request, source, "/".join(names), contact)

    def enters(self, caller: Extension) -> Callable[[], None]:
        """Take note that somebody is at the entrance, who may watch as soon as it is let in; gives what ends that."""
        self._entering[caller.number] += 1

        def done() -> None:
            self._entering[caller.number] -= 1
            self._notifier.changed(ENTRANCE)

        return done

    def refer(self, request: "Request", source: "Hop", room: ConferenceRoom, member: Member) -> "Response":
        """Answer a REFER that came outside of the call by which somebody is in a conference (RFC 4579 section 5.5)."""
        contact = self._stack.contact(request.uri.user, source)
        answer = accept(request, contact)
        if answer.status == 202:
            told = Reference(self._stack, request, source, contact, answer)
            self._focus.context.tasks.start(referred(told, request, lambda target: refer(room, member, target)))
        return answer

    async def _follow(self) -> None:
        async for event in self._focus.feed.subscribe():
            if event.type in SHOWN:
                self._notifier.changed(event.session)
                self._notifier.changed(ENTRANCE)

    def _roster(self, resource: str) -> ConferenceInfo | Pending | None:
        """Write the roster of ``<session>`` or, for somebody who has to be in it, ``<session>/<extension>``."""
        session_id, _, number = resource.partition("/")
        if session_id == ENTRANCE:
            session_id = self._joined(number)
            if not session_id and self._entering[number]:
                return Pending.PENDING
        room = self._focus.conferences.get(session_id)
        if room is None or room.ended or (number and not self._belongs(number, room)):
            return None
        if (written := self._written.get(session_id)) is None:
            # All who are told at this moment are told the same: it is written down once.
            written = self._written[session_id] = self._write(room)
            asyncio.get_running_loop().call_soon(self._written.clear)
        return written

    def _joined(self, number: str) -> str:
        """Name the conference that an extension has come into; empty: none."""
        extension = self._accounts.find(number)
        for session_id, room in self._focus.conferences.items():
            if extension is not None and room.member_of(extension) is not None:
                return session_id
        return ""

    def _write(self, room: ConferenceRoom) -> ConferenceInfo:
        session, (host, port) = room.session, self._focus.node
        called = {name for name, member in room.members.items() if was_called(member)}
        uri = sip_uri(session.user(self._accounts.main_number), host, port)
        return roster(session, uri, self._accounts.realm, room.rules.settings.max_members, called)

    def _belongs(self, number: str, room: ConferenceRoom) -> bool:
        extension = self._accounts.find(number)
        if extension is None:
            return False
        return extension.admin or room.session.owner_id == extension.id or room.member_of(extension) is not None


def roster(
    session: TelephonySession, uri: str, domain: str, max_users: int, called: Container[str] = ()
) -> ConferenceInfo:
    """Write down who is in a conference, as phones are told.

    Parameters
    ----------
    session
        The conference.
    uri
        Of the conference: what is called to join it.
    domain
        Of the parties' URIs.
    max_users
        The most parties at one time.
    called
        The parties that were called; the others called us.
    """
    by_user: dict[str, list[Party]] = {}
    for party in session.parties.values():
        by_user.setdefault(party.user(called=party.id in called), []).append(party)
    users = tuple(_user(user, parties, domain, called) for user, parties in sorted(by_user.items()))
    return ConferenceInfo(uri, TITLE, max_users, session.locked, users)


def _user(user: str, parties: list[Party], domain: str, called: Container[str]) -> User:
    name = next((party.caller.name for party in parties if party.caller.name), parties[0].caller.number)
    roles = tuple(sorted({party.role.value for party in parties if party.role is not None}))
    endpoints = tuple(
        UserEndpoint(
            sip_uri(party.id, domain),
            _status(party),
            "dialed-out" if party.id in called else "dialed-in",
            _media(party),
        )
        for party in parties
    )
    return User(sip_uri(user, domain), name, roles, endpoints)


def _status(party: Party) -> str:
    if party.status is PartyStatus.HOLD or party.place is Place.HELD:
        return "on-hold"
    if party.place is not Place.JOINED:
        return "pending"
    return "muted-via-focus" if party.muted else "connected"


def _media(party: Party) -> str:
    says, hears = not party.muted, not party.deaf
    return {(True, True): "sendrecv", (False, True): "recvonly", (True, False): "sendonly"}.get(
        (says, hears), "inactive"
    )
