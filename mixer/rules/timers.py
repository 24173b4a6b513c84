"""Timers of a session: when each is due, and its action."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from mixer.rules import groups
from mixer.rules.admission import remove
from mixer.rules.attendance import Participant
from mixer.rules.commands import carry_out
from mixer.rules.effects import Effect
from mixer.rules.lifetime import over
from mixer.rules.roles import Place
from mixer.rules.state import Phase, SessionState

__all__ = ["Timer", "timers"]


class Timer(NamedTuple):
    """Something that is due."""

    when: float
    act: Callable[[], list[Effect]]


def timers(session: SessionState) -> Iterator[Timer]:
    """Yield everything that waits for time."""
    yield from _ends(session)
    yield from _groups(session)
    oldest = session.parties.oldest
    if session.settings.party_limit_s and oldest is not None:
        yield _removal(session, oldest, oldest.since + session.settings.party_limit_s, "time")
    # At most `Settings.max_invited`, however many are there.
    for party in session.parties.at(Place.INVITED):
        yield _removal(session, party, party.since + session.settings.confirm_timeout_s, "unconfirmed")
    # All wait equally long: who pressed first is the first.
    for name in islice(session.typing, 1):
        party = session.parties[name]
        if party.keypad.deadline is not None:
            yield _pause(session, party, party.keypad.deadline)


def _ends(session: SessionState) -> Iterator[Timer]:
    if session.ends is not None and not session.invitations:
        when, reason = session.ends
        yield Timer(when, lambda: over(session, reason))
    if session.host_ends is not None:
        yield Timer(session.host_ends, lambda: over(session, "host_left"))
    if (
        session.settings.silence_limit_s
        and session.state is Phase.OPEN
        and session.joined
        and not session.parties.anybody_heard
    ):
        yield Timer(session.heard_at + session.settings.silence_limit_s, lambda: over(session, "silence"))


def _groups(session: SessionState) -> Iterator[Timer]:
    """Let the breakout groups end, and tell that a while before."""
    ends = session.groups.ends
    if ends is None:
        return
    if not session.groups.warned:
        yield Timer(ends - groups.WARN_S, lambda: groups.warn(session))
    yield Timer(ends, lambda: groups.all_return(session))


def _removal(session: SessionState, party: Participant, when: float, reason: str) -> Timer:
    return Timer(when, lambda: remove(session, party, reason, when))


def _pause(session: SessionState, party: Participant, when: float) -> Timer:
    """Let a pause end the keys of a party."""
    return Timer(when, lambda: carry_out(session, party, party.keypad.expire(when), when))
