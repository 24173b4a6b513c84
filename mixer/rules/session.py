"""The rules of a session as a value: `(event, now) -> effects`, by a table.

Nothing here rings, mixes, speaks or reads a clock. Whoever runs a session tells `Session.handle` what happened, carries
out the effects it returns, in order, and asks `Session.deadline` when to tell it that time has passed.

A conference (`mixer.rules.conference`) and a call of two parties (`mixer.rules.call`) are sessions: different
tables over the same state, `mixer.rules.state.SessionState`.
"""

from collections.abc import Mapping

from mixer.rules import announcements, call, commands, conference
from mixer.rules.attendance import Participant
from mixer.rules.effects import Effect
from mixer.rules.events import Event
from mixer.rules.roles import Place, RecordingState
from mixer.rules.settings import Settings
from mixer.rules.state import Carried, Groups, Phase, SessionState, Table
from mixer.rules.timers import timers

__all__ = ["Conference", "Session", "TwoPartyCall"]


class Session:
    """One session.

    Parameters
    ----------
    state
        At the beginning.
    rules
        What each event does in each state.
    """

    def __init__(self, state: SessionState, rules: Table) -> None:
        self._state = state
        self._rules = rules

    @property
    def settings(self) -> Settings:
        """In force."""
        return self._state.settings

    @property
    def state(self) -> Phase:
        """Where the session is in its life."""
        return self._state.state

    @property
    def locked(self) -> bool:
        """Whether nobody gets in."""
        return self._state.locked

    @property
    def muted_all(self) -> bool:
        """Whether late joiners begin muted."""
        return self._state.microphones.muted_all

    @property
    def notices(self) -> bool:
        """Whether the room is told who comes and leaves."""
        return self._state.notices

    @property
    def recording(self) -> RecordingState:
        """What the recorder does."""
        return self._state.recording

    @property
    def ringing(self) -> tuple[int, ...]:
        """Invitations that nobody has answered yet."""
        return tuple(one.id for one in self._state.invitations.ringing)

    @property
    def parties(self) -> Mapping[str, Participant]:
        """Who is there, in the order they came: to be looked at, never to be changed."""
        return self._state.parties

    @property
    def banned(self) -> frozenset[str]:
        """Identities that are not let in."""
        return frozenset(self._state.banned)

    @property
    def allowed(self) -> frozenset[str] | None:
        """The only identities that come in by themselves; None: all."""
        return self._state.allowed

    @property
    def groups(self) -> Groups:
        """Its breakout groups: to be looked at, never to be changed."""
        return self._state.groups

    @property
    def size(self) -> int:
        """Calls that count towards `Settings.max_members`: all but those who are asked to press 1."""
        return self._state.size

    @property
    def muted(self) -> Mapping[str, bool]:
        """The parties that are there, in the order they came; whether their microphone is off."""
        return {party.name: party.muted for party in self.parties.values()}

    def invited(self, party: str) -> bool:
        """Whether a party that is there was called in by the session."""
        there = self.parties.get(party)
        return there is not None and there.invitation != 0

    def hears(self, listener: str, speaker: str) -> bool:
        """Say whether one party hears another when it speaks.

        Raises
        ------
        KeyError
            One of them is not there.
        """
        ear, mouth = self.parties[listener], self.parties[speaker]
        if ear is mouth or not mouth.audible or ear.place is not Place.JOINED or ear.group != mouth.group:
            return False
        return not ear.deaf if mouth.whisper is None else listener in mouth.whisper

    def carried(self) -> list[Carried]:
        """Take what parties have commanded by keys since this was last asked."""
        taken, self._state.carried = self._state.carried, []
        return taken

    @property
    def deadline(self) -> float | None:
        """When a `Time` event is due; None while nothing waits for time."""
        return min((timer.when for timer in timers(self._state)), default=None)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Say what follows from an event.

        What was due before `now` comes first, so a late `Time` does no harm.

        Parameters
        ----------
        event
            What happened.
        now
            When.

        Returns
        -------
        list[Effect]
            To be carried out in this order; empty when nothing changes.

        Raises
        ------
        KeypadError
            The digit of a `Keys` event is no key.
        """
        session = self._state
        effects = self._due(now)
        heard = session.parties.anybody_heard
        effects += self._rules[session.state][type(event)](session, event, now)
        if heard or session.parties.anybody_heard:
            session.heard_at = now
        effects += self._due(now)
        return effects + announcements.settle(session)

    def _due(self, now: float) -> list[Effect]:
        """Do what was due until `now`, in the order of time."""
        effects: list[Effect] = []
        while (timer := min(timers(self._state), key=lambda timer: timer.when, default=None)) and timer.when <= now:
            effects += timer.act()
        return effects


class Conference(Session):
    """One conference.

    Parameters
    ----------
    settings
        What may differ.
    now
        When it was made, in seconds of the clock that all later times are told in.

    Raises
    ------
    KeypadError
        The menu asks for a command that the rules do not know.
    """

    def __init__(self, settings: Settings, now: float) -> None:
        commands.check(settings.menu)
        session = SessionState(
            settings,
            ends=(now + settings.claim_timeout_s, "unclaimed"),
            notices=settings.entry_notices,
        )
        super().__init__(session, conference.RULES)


class TwoPartyCall(Session):
    """One call, from the caller's INVITE to its end; both parties come by `Join`, the callee when it has answered.

    Parameters
    ----------
    settings
        What may differ: limits of time, the notice of a recording.
    """

    def __init__(self, settings: Settings = call.CALL) -> None:
        super().__init__(SessionState(settings, ends=None), call.RULES)
