"""Updates for parties that joined by HTTP: a board for each conference that is watched.

A board knows what its watchers know. What happens marks parties as stale; a moment later the difference is told, and
written once for all. Whoever reads too slowly has no more than so much kept: its connection is closed, and the next one
begins with the whole.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from softphone.api.web.views import conference_view, farewell, party_view
from softphone.focus.entrance.web_parties import WebParty
from softphone.focus.errors import NoSuchSession
from softphone.focus.feed import EventType, FeedEvent
from softphone.focus.focus import Focus
from softphone.focus.quality import QualityWatch
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.session import TelephonySession

__all__ = ["SLOW", "Board", "Boards", "Follower"]

# Between two times that a board tells what has changed, and that it looks how sound comes through.
TELL_S = 0.2
LOOK_S = 5.0

# Messages that wait for a connection, and connections of a party.
QUEUE = 500
MOST_SOCKETS = 3

SLOW = (1008, "messages are not read")
TOO_MANY = (4429, "newer connections with the same key have taken the place of this one")
OVER = (1000, "the party is over")

INVITATIONS = {
    EventType.INVITATION_RINGING: "ringing",
    EventType.INVITATION_ANSWERED: "answered",
    EventType.INVITATION_FAILED: "failed",
}

Title = Callable[[TelephonySession], str]


def written(event: str, **more: Any) -> str:
    """Write a message."""
    return msgspec.json.encode({"event": event, **more}).decode()


@dataclass(slots=True, eq=False)
class Follower:
    """A connection of a party that has joined by HTTP."""

    party: WebParty
    news: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: deque[str] = field(default_factory=deque)
    closing: tuple[int, str] | None = None
    whole: bool = False
    "Whether it has been told the whole roster; a party that waits to be let in sees itself alone."
    session: str = ""
    "Whose board tells it."

    def say(self, text: str) -> None:
        """Have a message sent; one that reads too slowly is let go."""
        if self.closing is not None:
            return
        if len(self.waiting) >= QUEUE:
            self.waiting.clear()
            self.close(SLOW)
            return
        self.waiting.append(text)
        self.news.set()

    def close(self, why: tuple[int, str]) -> None:
        """Let it end, once what waits is sent."""
        self.closing = self.closing or why
        self.news.set()


class Board:
    """What is told of one conference.

    Parameters
    ----------
    room
        The conference.
    title
        What it is called.
    """

    def __init__(self, room: RuledRoom, title: str) -> None:
        self.followers: set[Follower] = set()
        self.room = room
        self._title = title
        self._quality = QualityWatch(room)
        self._parties: dict[str, dict[str, Any]] = {}
        self._stale: dict[str, None] = {}
        self._conference = conference_view(room, title)
        self._loop = asyncio.get_running_loop()
        self._told_at = self._loop.time() - TELL_S
        self._telling: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        for party in room.session.parties:
            self._parties[party] = self._view(party) or {}
        room.session.watchers.append(self.note)

    def close(self) -> None:
        """Hear of nothing any more."""
        self.room.session.watchers.remove(self.note)
        for each in (self._telling, self._looking):
            if each is not None:
                each.cancel()

    def follow(self, follower: Follower) -> None:
        """Tell one more, who is told at once how it is."""
        self.tell()
        self.followers.add(follower)
        follower.session, follower.whole = self.room.session.id, False
        self._begin(follower)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="quality of a room")

    def note(self, party: str | None) -> None:
        """Take notice that something about a party, or the conference, has changed; it is told soon."""
        if party is not None:
            self._stale[party] = None
        if self._telling is None:
            at = max(self._told_at + TELL_S, self._loop.time())
            self._telling = self._loop.call_at(at, self.tell)

    def invitation(self, event: FeedEvent) -> None:
        """Tell hosts what becomes of who is called in."""
        text = written("invitation", state=INVITATIONS[event.type], **event.data)
        for each in self.followers:
            if each.whole and each.party.role.word == "host":
                each.say(text)

    def tell(self) -> None:
        """Tell what has changed since the last time."""
        if self._telling is not None:
            self._telling.cancel()
        self._telling, self._told_at = None, self._loop.time()
        stale, self._stale = self._stale, {}
        messages = {party: text for party in stale if (text := self._changed(party))}
        now = conference_view(self.room, self._title)
        changed = {name: value for name, value in now.items() if self._conference.get(name) != value}
        self._conference = now
        about = written("conference", conference=changed) if changed else ""
        for follower in self.followers:
            self._update(follower, messages, about)

    def _update(self, follower: Follower, messages: Mapping[str, str], about: str) -> None:
        own = follower.party.party.id
        if follower.party.inside and not follower.whole or (not follower.whole and own in messages):
            self._begin(follower)
            return
        if about:
            follower.say(about)
        if follower.whole:
            for text in messages.values():
                follower.say(text)

    def _begin(self, follower: Follower) -> None:
        """Tell how it is: all that is there, or to who waits itself alone."""
        own = follower.party.party.id
        follower.whole = follower.party.inside
        parties = list(self._parties.values()) if follower.whole else [self._parties.get(own)]
        shown = [each for each in parties if each]
        follower.say(written("roster", you=own, conference=self._conference, parties=shown))

    def _changed(self, party: str) -> str:
        """Write what has changed of a party; empty: nothing."""
        before, now = self._parties.get(party), self._view(party)
        if now is None:
            if before is None:
                return ""
            del self._parties[party]
            return written("left", party=party)
        self._parties[party] = now
        if before is None:
            return written("party", party=now)
        changed = {name: value for name, value in now.items() if before.get(name) != value}
        return written("party", party={"id": party, **changed}) if changed else ""

    def _view(self, name: str) -> dict[str, Any] | None:
        party, member = self.room.session.parties.get(name), self.room.members.get(name)
        if party is None:
            return None
        by_http = member is not None and member.by_http
        return party_view(party, by_http=by_http, quality=self._quality.of(name))

    async def _look(self) -> None:
        while True:
            for party in await self._quality.look():
                self.note(party)
            await asyncio.sleep(LOOK_S)


class Boards:
    """All of a node.

    Parameters
    ----------
    focus
        What is told of.
    title
        Says what a conference is called.
    """

    def __init__(self, focus: Focus, title: Title) -> None:
        self._focus, self._title = focus, title
        self._boards: dict[str, Board] = {}
        self._sockets: dict[WebParty, list[Follower]] = {}
        focus.feed.listeners.append(self._note)

    def __len__(self) -> int:
        return len(self._boards)

    def follow(self, party: WebParty) -> Follower:
        """Tell a connection of a party from now on; one too many takes the place of the oldest."""
        sockets = self._sockets.get(party)
        if sockets is None:
            sockets = self._sockets[party] = []
            party.on_over.append(lambda: self._over(party))
            party.client.on_offer_wanted = lambda: self._renew(party)
            party.client.can_be_asked = lambda: bool(self._sockets.get(party))
        follower = Follower(party)
        sockets.append(follower)
        if len(sockets) > MOST_SOCKETS:
            self._leave(oldest := sockets.pop(0))
            oldest.close(TOO_MANY)
        self._attach(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """Tell a connection nothing more."""
        sockets = self._sockets.get(follower.party, [])
        if follower in sockets:
            sockets.remove(follower)
        self._leave(follower)

    def _attach(self, follower: Follower) -> None:
        session = follower.party.session
        board = self._boards.get(session)
        if board is None:
            try:
                room = self._focus.room(session)
            except NoSuchSession:
                return
            board = self._boards[session] = Board(room, self._title(room.session))
        board.follow(follower)

    def _leave(self, follower: Follower) -> None:
        board = self._boards.get(follower.session)
        if board is None:
            return
        board.followers.discard(follower)
        if not board.followers:
            board.close()
            del self._boards[follower.session]

    def _renew(self, party: WebParty) -> bool:
        """Have a party offer anew: it is to send elsewhere; whether one of its connections can be asked."""
        followers = self._sockets.get(party, [])
        if followers:
            followers[-1].say(written("renew"))
        return bool(followers)

    def _over(self, party: WebParty) -> None:
        """Say goodbye to all connections of a party, once what is true of it is told."""
        word, message = farewell(party.client.reason)
        for follower in self._sockets.pop(party, []):
            self._leave(follower)
            follower.say(written("over", reason=word, message=message))
            follower.close(OVER)

    def _note(self, event: FeedEvent) -> None:
        board = self._boards.get(event.session)
        if board is None:
            return
        if event.type in INVITATIONS:
            board.invitation(event)
            return
        board.note(event.party)
        if event.type is EventType.PARTY_LEFT:
            for follower in [each for each in board.followers if each.party.party.id == event.party]:
                asyncio.get_running_loop().call_soon(self._moved, follower)

    def _moved(self, follower: Follower) -> None:
        """Go on with the board of the conference that its party is in now."""
        if follower.closing is None and follower.party.session != follower.session:
            self._leave(follower)
            self._attach(follower)
