"""What waits for time in a session, and what is done when it is due."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from mixer.rules.admission import remove
from mixer.rules.commands import carry_out
from mixer.rules.effects import Effect
from mixer.rules.lifetime import over
from mixer.rules.roles import Place
from mixer.rules.state import Participant, Phase, SessionState

__all__ = ["Timer", "timers"]


class Timer(NamedTuple):
    """Something that is due."""

    when: float
    act: Callable[[], list[Effect]]


def timers(room: SessionState) -> Iterator[Timer]:
    """Yield everything that waits for time."""
    yield from _ends(room)
    oldest = next(iter(room.parties.values()), None)
    if room.settings.party_limit_s and oldest is not None:
        yield _removal(room, oldest, oldest.since + room.settings.party_limit_s, "time")
    for invitation in room.invitations.values():
        party = room.parties.get(invitation.party)
        if party is not None and party.place is Place.INVITED:
            yield _removal(room, party, party.since + room.settings.confirm_timeout_s, "unconfirmed")
    for name in room.typing:
        party = room.parties[name]
        if party.keypad.deadline is not None:
            yield _pause(room, party, party.keypad.deadline)


def _ends(room: SessionState) -> Iterator[Timer]:
    if room.ends is not None and not room.invitations:
        when, reason = room.ends
        yield Timer(when, lambda: over(room, reason))
    if room.host_ends is not None:
        yield Timer(room.host_ends, lambda: over(room, "host_left"))
    if room.settings.silence_limit_s and room.state is Phase.OPEN and room.joined and not room.is_heard():
        yield Timer(room.heard_at + room.settings.silence_limit_s, lambda: over(room, "silence"))


def _removal(room: SessionState, party: Participant, when: float, reason: str) -> Timer:
    return Timer(when, lambda: remove(room, party, reason, when))


def _pause(room: SessionState, party: Participant, when: float) -> Timer:
    """Let a pause end the keys of a party."""
    return Timer(when, lambda: carry_out(room, party, party.keypad.expire(when), when))
