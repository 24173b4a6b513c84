"""Parties of a conference: show, change, move, remove, ban; and calls into it."""

from typing import Annotated

from fastapi import Path, Query, Response

from softphone.api.auth import access
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.models import (
    DialList,
    DialView,
    DialWish,
    KeysWish,
    MoveWish,
    PartyChange,
    PartyList,
    PartyView,
    QualityView,
    dial_view,
    party_view,
)
from softphone.api.control.paths import ManagedDep, OwnPartyDep, PartyDep, SeenDep, SessionId, party_of, shown_to
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import not_found
from softphone.api.http.pages import Part, WholeDep
from softphone.focus.errors import NoSuchSession
from softphone.focus.session import Party
from softphone.focus.words import role_named

__all__ = ["OF_SESSIONS", "ROUTERS"]

reading = queries("/parties", "parties")
doing = commands("/parties", "parties")
ban_reading = queries("/api/v1/conferences/{id}/bans", "parties", 403)
ban_doing = commands("/api/v1/conferences/{id}/bans", "parties")
dial_reading = queries("/api/v1/conferences/{id}/dials", "dials")
dial_doing = commands("/api/v1/conferences/{id}/dials", "dials")
OF_SESSIONS = (reading, doing)
ROUTERS = (ban_reading, ban_doing, dial_reading, dial_doing)

# What a party may change of itself; all else is for those who decide about the conference.
OWN = {"muted", "deaf", "volume_out_db", "group"}


@reading.get("")
async def list_parties(session: SeenDep, caller: CallerDep, parts: WholeDep) -> PartyList:
    """List who is in the conference or call, waits for it, or is asked to press 1."""
    there = sorted(shown_to(session, caller).values(), key=lambda party: party.arrival)
    found = parts.of("parties", there, lambda party: (party.arrival, party.id))
    return PartyList(parties=[party_view(party) for party in found.items], next=found.next)


@reading.get("/{party}")
async def read_party(party: PartyDep) -> PartyView:
    """Show a party."""
    return party_view(party)


@reading.get("/{party}/quality")
async def read_quality(session: SeenDep, party: PartyDep, context: ContextDep) -> QualityView:
    """Show what the sound of a party goes through: loss, jitter, round trip, and how good that sounds."""
    measured = await context.control.rooms.measured(session.id, party.id)
    return QualityView.model_validate(measured, from_attributes=True)


@doing.patch("/{party}")
async def change_party(
    session_id: SessionId, party: OwnPartyDep, change: PartyChange, caller: CallerDep, context: ContextDep
) -> PartyView:
    """Change microphone, hearing, hold, volume, role, labels, breakout group, or who hears it.

    A party may turn its own microphone and hearing off and on, and return from its group, as far as the rules of the
    conference let it.
    """
    session = context.focus.session(session_id)
    if change.model_fields_set - OWN:
        access.manageable(session_id, caller, context)
    # Everything is looked up before anything is done: what is refused has changed nothing.
    for each in change.whispers_to or ():
        party_of(session, each, "whispers_to")
    # So is what the rules may deny: a microphone, unless its party gets another role, and what is for parties inside.
    own = not access.may_manage(session, caller)
    if change.role is None:
        await _mute(session_id, party, change, context, own=own)
    await _inside(session_id, party, change, context, own=own)
    if change.role is not None:
        await context.control.role(session_id, party.id, role_named(change.role))
        await _mute(session_id, party, change, context, own=own)
    if change.labels is not None:
        await context.control.rooms.label(session_id, party.id, change.labels)
    if change.volume_in_db is not None or change.volume_out_db is not None:
        await context.control.volume(session_id, party.id, in_db=change.volume_in_db, out_db=change.volume_out_db)
    return party_view(party)


async def _mute(session_id: str, party: Party, change: PartyChange, context: ApiContext, *, own: bool) -> None:
    if change.muted is not None:
        await context.control.mute(session_id, party.id, change.muted, own=own)


async def _inside(session_id: str, party: Party, change: PartyChange, context: ApiContext, *, own: bool) -> None:
    if change.group is not None:
        await context.control.rooms.send(session_id, party.id, change.group, own=own)
    if "whispers_to" in change.model_fields_set:
        await context.control.whisper(session_id, party.id, change.whispers_to)
    control = context.control
    switches = {control.deafen: change.deaf, control.hold: change.held, control.level: change.level_voice}
    for switch, on in switches.items():
        if on is not None:
            await switch(session_id, party.id, on)


@doing.delete("/{party}", status_code=204)
async def kick_party(
    session: ManagedDep,
    party: PartyDep,
    context: ContextDep,
    ban: Annotated[bool, Query(description="It does not get in again while the conference lasts.")] = False,
) -> Response:
    """Send a party away."""
    await context.control.kick(session.id, party.id, ban=ban)
    return Response(status_code=204)


@doing.post("/{party}/move")
async def move_party(
    session: ManagedDep, party: PartyDep, wish: MoveWish, caller: CallerDep, context: ContextDep
) -> PartyView:
    """Take a party into another conference, without a new call; it has another id there."""
    try:
        there = access.manageable(wish.to, caller, context)
    except NoSuchSession:
        raise not_found("to") from None
    return party_view(await context.control.move(session.id, party.id, there.id))


@doing.post("/{party}/admit")
async def admit_party(session: ManagedDep, party: PartyDep, context: ContextDep) -> PartyView:
    """Let a party in from the lobby."""
    return party_view(await context.control.admit(session.id, party.id))


@doing.post("/{party}/reject", status_code=204)
async def reject_party(session: ManagedDep, party: PartyDep, context: ContextDep) -> Response:
    """Send a party away from the lobby."""
    await context.control.reject(session.id, party.id)
    return Response(status_code=204)


@doing.post("/{party}/keys", status_code=204)
async def send_keys(session: ManagedDep, party: PartyDep, wish: KeysWish, context: ContextDep) -> Response:
    """Press keys on a party's telephone (RFC 4733)."""
    await context.control.send_keys(session.id, party.id, wish.keys)
    return Response(status_code=204)


class BanList(Part):
    """Who does not get in."""

    numbers: list[str]


@ban_reading.get("")
async def list_bans(session: ManagedDep, context: ContextDep, parts: WholeDep) -> BanList:
    """List the numbers that do not get in while the conference lasts."""
    found = parts.of("bans", context.control.bans(session.id), lambda number: (0, number))
    return BanList(numbers=found.items, next=found.next)


@ban_doing.delete("/{number}", status_code=204)
async def unban_number(
    session: ManagedDep, context: ContextDep, number: Annotated[str, Path(max_length=200)]
) -> Response:
    """Let a number in again."""
    await context.control.unban(session.id, number)
    return Response(status_code=204)


DialId = Annotated[int, Path(alias="dial", ge=0, le=2**31 - 1)]


@dial_doing.post("", status_code=202)
async def dial(session: ManagedDep, wish: DialWish, caller: CallerDep, context: ContextDep) -> DialView:
    """Call somebody; events tell what becomes of it."""
    if wish.hidden:
        access.administrator(caller)
    if wish.by:
        party_of(session, wish.by, "by")
    called = await context.control.dial(
        session.id, wish.number, by=wish.by, role=role_named(wish.role), confirm=wish.confirm, hidden=wish.hidden
    )
    return dial_view(called)


@dial_reading.get("")
async def list_dials(session: SeenDep, caller: CallerDep, context: ContextDep, parts: WholeDep) -> DialList:
    """List all who were called, whatever became of it."""
    called = [each for each in context.control.invitations(session.id) if caller.admin or not each.hidden]
    found = parts.of("dials", called, lambda each: (each.id, ""))
    return DialList(dials=[dial_view(each) for each in found.items], next=found.next)


@dial_doing.delete("/{dial}")
async def cancel_dial(session: ManagedDep, number: DialId, context: ContextDep) -> DialView:
    """Let it ring no more."""
    return dial_view(await context.control.cancel_dial(session.id, number))
