"""Breakout groups of a running conference: each has a room of its own beside the main one, on the same worker."""

from mixer.rules.effects import GroupChanged, VoicesLevelled
from mixer.rules.room_effects import GroupsChanged
from mixer.rules.room_events import OpenGroups
from softphone.errors import MediaError
from softphone.focus.errors import FocusError, NoSuchSession, Overloaded
from softphone.focus.feed import EventType
from softphone.focus.room.carried_out import change, level_voices, recorded
from softphone.focus.room.premises import SideRoom
from softphone.focus.room.ruled import RuledRoom
from softphone.media.contract.messages import CreateRoom

__all__ = ["group_changed", "groups_changed", "open_groups"]


async def open_groups(room: RuledRoom, event: OpenGroups) -> None:
    """Make a room for each group, and let the rules send into them who is meant.

    Raises
    ------
    NotAllowed, WrongState
        The rules say no.
    Overloaded
        The media worker takes no more rooms.
    NoSuchSession
        The conference has ended meanwhile.
    """
    premises, made = room.premises, list[SideRoom]()
    try:
        for _ in event.names:
            made.append(premises.side((await room.context.media.ask(CreateRoom(room.room))).value))
        if room.ended:
            raise NoSuchSession(room.session.id)
        _use(room, made, event)
    except MediaError as error:
        premises.give_back(made)
        raise Overloaded(str(error)) from error
    except BaseException:  # whatever it was: nobody else knows of these rooms
        premises.give_back(made)
        raise
    if room.rules.settings.level_voices:
        level_voices(room, VoicesLevelled(True))


def _use(room: RuledRoom, made: list[SideRoom], event: OpenGroups) -> None:
    """Have these rooms of groups, if the rules say yes."""
    before, room.premises.sides = room.premises.sides, made
    try:
        room.command(event)
    except FocusError:
        room.premises.sides = before
        raise


def group_changed(room: RuledRoom, effect: GroupChanged) -> None:
    """Take a member into the room of its group, or back; a recording is of the main room."""
    member = room.members[effect.party]
    member.admit(room.premises.rooms(effect.group)[0])
    if effect.group:
        room.recorder.left(effect.party)
    elif not member.party.hidden:
        room.context.tasks.start(recorded(room, member))
    change(room, effect.party, group=effect.group)


def groups_changed(room: RuledRoom, effect: GroupsChanged) -> None:
    """Tell which groups there are; the rooms of those that are no more are given back once all have gone."""
    if not effect.names:
        sides, room.premises.sides = room.premises.sides, []
        room.premises.give_back(sides)
    room.news.publish(EventType.CONFERENCE_CHANGED, groups=list(effect.names), groups_end_in_s=effect.ends_in_s)
