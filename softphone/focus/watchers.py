"""Phones that show the roster: subscriptions to the conferences of this node (RFC 4575), fed by the focus's feed."""

import asyncio
import contextlib
from collections.abc import Container
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from softphone.focus.conference import ConferenceRoom
from softphone.focus.conference_info import ConferencePackage, Endpoint, Roster, User
from softphone.focus.focus import Focus
from softphone.focus.session import Party, PartyStatus, Stage, TelephonySession
from softphone.sip.notifier import Notifier

if TYPE_CHECKING:
    from softphone.sip.endpoint import Endpoint as Source
    from softphone.sip.message import Request, Response
    from softphone.sip.stack import Stack

__all__ = ["Watchers", "roster"]

TITLE = "Conference"


class Watchers:
    """All who are told of rosters; an async context manager, which follows the feed while it is open.

    Parameters
    ----------
    focus
        Whose conferences they are.
    stack
        Sends the NOTIFYs.
    domain
        The host part of the URIs of parties.
    """

    def __init__(self, focus: Focus, stack: "Stack", domain: str) -> None:
        self._focus, self._stack, self._domain = focus, stack, domain
        self._notifier = Notifier(stack, ConferencePackage(self._roster))
        self._following: asyncio.Task[None]

    async def __aenter__(self) -> "Watchers":
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

    def subscribe(self, request: "Request", source: "Source", session_id: str) -> "Response":
        """Answer a SUBSCRIBE to a conference by somebody who may watch it."""
        here = self._stack.contact(request.uri.user, source.transport)
        contact = replace(here, params={**here.params, "isfocus": None})
        return self._notifier.handle(request, source, session_id, contact)

    async def _follow(self) -> None:
        async for event in self._focus.feed.subscribe():
            self._notifier.changed(event.session)

    def _roster(self, session_id: str) -> Roster | None:
        room = self._focus.rooms.get(session_id)
        if not isinstance(room, ConferenceRoom) or room.ended:
            return None
        host, port = self._focus.node
        called = {member.party.id for member in room.members.values() if member.call and member.call.direction == "out"}
        return roster(room.session, f"{host}:{port}", self._domain, room.max_members, called)


def roster(session: TelephonySession, node: str, domain: str, max_users: int, called: Container[str] = ()) -> Roster:
    """Write down who is in a conference, as phones are told.

    Parameters
    ----------
    session
        The conference.
    node
        Our host and port: the conference's URI is there.
    domain
        Of the parties' URIs.
    max_users
        The most parties at one time.
    called
        The parties that were called; the others called us.
    """
    user = str(session.token) if session.token else session.extension
    by_user = groupby(sorted(session.parties.values(), key=_number), key=_number)
    users = tuple(_user(number, list(parties), domain, called) for number, parties in by_user)
    return Roster(f"sip:{user}@{node}", TITLE, max_users, session.locked, users)


def _number(party: Party) -> str:
    return party.caller.number


def _user(number: str, parties: list[Party], domain: str, called: Container[str]) -> User:
    name = next((party.caller.name for party in parties if party.caller.name), "")
    roles = tuple(sorted({party.role.value for party in parties if party.role is not None}))
    endpoints = tuple(
        Endpoint(
            f"sip:{party.id}@{domain}",
            _status(party),
            "dialed-out" if party.id in called else "dialed-in",
            _media(party),
        )
        for party in parties
    )
    return User(f"sip:{number}@{domain}", name, roles, endpoints)


def _status(party: Party) -> str:
    if party.status is PartyStatus.HOLD or party.stage is Stage.HELD:
        return "on-hold"
    if party.stage is not Stage.JOINED:
        return "pending"
    return "muted-via-focus" if party.muted else "connected"


def _media(party: Party) -> str:
    says, hears = not party.muted, not party.deaf
    return {(True, True): "sendrecv", (False, True): "recvonly", (True, False): "sendonly"}.get(
        (says, hears), "inactive"
    )
