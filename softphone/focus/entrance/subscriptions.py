"""Phones that show the roster: subscriptions to the conferences of this node (RFC 4575), fed by the focus's feed."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable

from softphone.focus.entrance.conference_info import ConferenceInfo, ConferencePackage, sip_uri
from softphone.focus.entrance.roster import ConferenceRoster
from softphone.focus.feed import EventType
from softphone.focus.focus import Focus
from softphone.focus.room.conference import ConferenceRoom
from softphone.sip.message.message import Request, Response
from softphone.sip.services.notifier import PACE_S, Notifier, Pending
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.referral import OnRefer, Reference, accept, referred
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = ["RosterSubscriptions"]

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

    def __init__(self, focus: Focus, stack: Stack, accounts: Accounts) -> None:
        self._focus, self._stack, self._accounts = focus, stack, accounts
        context = focus.context
        self._notifier = Notifier(stack, ConferencePackage(self._roster), context.allowances, context.clock)
        self._entering: Counter[str] = Counter()
        self._rosters: dict[str, ConferenceRoster] = {}
        self._tellings: dict[str, asyncio.TimerHandle] = {}
        self._told_at: dict[str, float] = {}
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
        for telling in self._tellings.values():
            telling.cancel()
        await self._notifier.close()

    def __len__(self) -> int:
        return len(self._notifier)

    def bad_event(self, request: Request) -> Response | None:
        """Refuse a SUBSCRIBE for anything but rosters."""
        return self._notifier.bad_event(request)

    def subscribe(
        self, request: Request, source: Hop, room: ConferenceRoom | None, member: Extension | None = None
    ) -> Response:
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
        if room is not None and (known := self._rosters.get(room.session.id)) is not None:
            known.bring_up()  # the answer is what is so now, not what was told last
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

    def refer(self, request: Request, source: Hop, on_refer: OnRefer) -> Response:
        """Answer a REFER that came outside of the call that it is about, and have it carried out."""
        contact = self._stack.contact(request.uri.user, source)
        answer = accept(request, contact)
        if answer.status == 202:
            told = Reference(self._stack, request, source, contact, answer)
            self._focus.context.tasks.start(referred(told, request, on_refer))
        return answer

    async def _follow(self) -> None:
        async for event in self._focus.feed.subscribe():
            if event.type in SHOWN:
                self._note(event.session, event.party)
                self._tell_soon(ENTRANCE)

    def _note(self, session_id: str, party: str | None) -> None:
        """Have those who watch a conference told soon of what changed."""
        roster = self._rosters.get(session_id)
        if roster is not None:
            if party is not None:
                roster.note(party)
            self._tell_soon(session_id)

    def _tell_soon(self, resource: str) -> None:
        """Tell all of one conference at one time: at once, or a while after they were last told."""
        if resource not in self._tellings:
            loop = asyncio.get_running_loop()
            at = max(loop.time(), self._told_at.get(resource, 0.0) + PACE_S)
            self._tellings[resource] = loop.call_at(at, self._tell, resource)

    def _tell(self, resource: str) -> None:
        del self._tellings[resource]
        self._told_at[resource] = asyncio.get_running_loop().time()
        room, roster = self._focus.conferences.get(resource), self._rosters.get(resource)
        watched = self._notifier.watched(resource) or self._notifier.watched(ENTRANCE)
        if roster is not None and room is not None and not room.ended and watched:
            roster.bring_up()
            self._notifier.changed(ENTRANCE)  # who came in since it subscribed watches by that name
        elif roster is not None:
            self._forget(resource, roster)
        self._notifier.changed(resource)

    def _forget(self, session_id: str, roster: ConferenceRoster) -> None:
        """Keep no roster that nobody watches, or of a conference that is over."""
        del self._rosters[session_id], self._told_at[session_id]
        roster.close()

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
        if (found := self._rosters.get(session_id)) is None:
            found = self._rosters[session_id] = self._begin(room)
        return found.info

    def _begin(self, room: ConferenceRoom) -> ConferenceRoster:
        host, port = self._focus.node
        uri = sip_uri(room.session.user(self._accounts.main_number), host, port)
        return ConferenceRoster(room, uri, self._accounts.realm, lambda party: self._note(room.session.id, party))

    def _joined(self, number: str) -> str:
        """Name the conference that an extension has come into; empty: none."""
        extension = self._accounts.find(number)
        for session_id, room in self._focus.conferences.items():
            if extension is not None and room.member_of(extension) is not None:
                return session_id
        return ""

    def _belongs(self, number: str, room: ConferenceRoom) -> bool:
        extension = self._accounts.find(number)
        if extension is None:
            return False
        return extension.admin or room.session.owner_id == extension.id or room.member_of(extension) is not None
