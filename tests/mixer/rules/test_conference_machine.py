"""What holds in a room whatever happens: anything at any time, with books kept from the effects alone."""

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mixer.rules.effects import (
    Admitted,
    Effect,
    Refused,
    Selected,
    Waits,
)
from mixer.rules.events import (
    Admit,
    CancelInvite,
    Change,
    End,
    Event,
    InviteAnswered,
    InviteFailed,
    Join,
    Keys,
    Kick,
    Leave,
    Reject,
    Select,
    SetDeaf,
    SetGroup,
    SetHeld,
    SetLabels,
    SetMuted,
    SetRole,
    SetWhisper,
    Talking,
    Time,
)
from mixer.rules.keypad import KEYS, Menu
from mixer.rules.menus import DEFAULT_MENU
from mixer.rules.roles import PartyKind, Place, RecordingState, Role, Selector
from mixer.rules.room_events import Dial, EndGroups, Lock, MuteAll, NewSettings, OpenGroups, SetRecording, Unban
from mixer.rules.session import Conference
from mixer.rules.settings import EndWithHost, Settings
from mixer.rules.state import Phase
from tests.support.books import IN_ROOM, Books, Told

HOST_MENU = Menu({role: {**keys, "*#3": "leave", "*#5": "listening_mode"} for role, keys in DEFAULT_MENU.roles.items()})
MAX = 4
NAMES = [f"p{number}" for number in range(6)]
TYPED = ["1", "*1", "*90", "*91", "*92", "*93", "*94", "*95", "*8102#", "##", "*#3", "*#5", "*3", "*42#", "*96", *KEYS]
names = st.sampled_from(NAMES)
# One of those who are there, nearly always: a room without people proves little.
somebody = st.integers(0, 11)
rarely = st.sampled_from([False, False, False, True])


CHANGES: list[Change] = [SetMuted("", True), SetMuted("", False), SetDeaf("", True), SetHeld("", False), Admit("")]


class Rules(RuleBasedStateMachine, Books):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        Books.__init__(self)

    @initialize(
        flags=st.fixed_dictionaries(
            {
                name: st.booleans()
                for name in (
                    *("wait_for_host", "lobby", "mute_non_moderator", "announce_caller_name", "record_enabled"),
                    *("entry_notices", "prompts", "music", "hosted"),
                )
            }
        ),
        end_with_host=st.sampled_from(EndWithHost),
        limits=st.tuples(st.sampled_from([0.0, 50.0]), st.sampled_from([0.0, 40.0]), st.sampled_from([0.0, 5.0])),
        menu=st.sampled_from([DEFAULT_MENU, HOST_MENU]),
        roles=st.lists(st.sampled_from(Role), min_size=2, max_size=MAX),
    )
    def begin(
        self,
        flags: dict[str, bool],
        end_with_host: EndWithHost,
        limits: tuple[float, float, float],
        menu: Menu,
        roles: list[Role],
    ) -> None:
        party_s, silence_s, grace_s = limits
        self.settings = Settings(
            max_members=MAX,
            menu=menu,
            end_with_host=end_with_host,
            party_limit_s=party_s,
            silence_limit_s=silence_s,
            host_grace_s=grace_s,
            **flags,  # type: ignore[arg-type]
        )
        self.conference = Conference(self.settings, self.now)
        for name, role in zip(NAMES, roles, strict=False):
            self.tell(Join(name, role))

    @property
    def in_room(self) -> dict[str, Told]:
        return {name: told for name, told in self.there.items() if told.place in IN_ROOM}

    def one_of_those_there(self, number: int) -> str:
        there = list(self.there)
        return there[number % len(there)] if there and number < 11 else NAMES[number % len(NAMES)]

    def tell(self, event: Event) -> list[Effect]:
        effects = self.conference.handle(event, self.now)
        for effect in effects:
            assert not self.ended or isinstance(effect, Refused)
            self.book(effect)
        return effects

    @rule(
        name=names, role=st.sampled_from(Role), kind=st.sampled_from(PartyKind), caller=st.sampled_from(["", "x", "y"])
    )
    def join(self, name: str, role: Role, kind: PartyKind, caller: str) -> None:
        before = set(self.there)
        effects = self.tell(Join(name, role, kind, caller, f"name-{name}"))
        answers = [
            effect for effect in effects if isinstance(effect, Admitted | Waits | Refused) and effect.party == name
        ]
        assert len(answers) == (name not in before) or self.ended
        if self.locked and not self.ended and name not in before:
            assert isinstance(answers[0], Refused)

    @rule(number=somebody, really=rarely)
    def leave(self, number: int, really: bool) -> None:
        if really:
            name = self.one_of_those_there(number)
            self.tell(Leave(name))
            assert name not in self.there

    @rule(number=somebody, keys=st.sampled_from(TYPED))
    def keys(self, number: int, keys: str) -> None:
        name = self.one_of_those_there(number)
        for key in keys:
            self.tell(Keys(name, key))

    @rule(number=somebody, on=st.booleans(), event=st.sampled_from([SetMuted, SetDeaf, SetHeld, Talking]))
    def control(self, number: int, on: bool, event: type[SetMuted | SetDeaf | SetHeld | Talking]) -> None:
        self.tell(event(self.one_of_those_there(number), on))

    @rule(number=somebody, event=st.sampled_from([Admit, Admit, Admit, Admit, Admit, Reject]))
    def doorman(self, number: int, event: type[Admit | Reject]) -> None:
        self.tell(event(self.one_of_those_there(number)))

    @rule(number=somebody, really=rarely)
    def kick(self, number: int, really: bool) -> None:
        if really:
            self.tell(Kick(self.one_of_those_there(number)))

    @precondition(lambda self: len(self.there) > 2)
    @rule(number=somebody)
    def ban(self, number: int) -> None:
        name = self.one_of_those_there(number)
        party = self.conference.parties.get(name)
        self.tell(Kick(name, ban=True))
        if party is not None and party.identity and not self.ended:
            assert self.tell(Join("banned", identity=party.identity))[0] == Refused(
                "banned", "banned", self.said("banned")
            )
            self.tell(Unban(party.identity))

    def said(self, reason: str) -> tuple[str, ...]:
        return ("conf-kicked",) if self.settings.prompts and reason == "banned" else ()

    @rule(number=somebody, to=st.none() | st.lists(names, max_size=3).map(tuple))
    def whisper(self, number: int, to: tuple[str, ...] | None) -> None:
        self.tell(SetWhisper(self.one_of_those_there(number), to))

    @rule(number=somebody, role=st.sampled_from(Role))
    def promote(self, number: int, role: Role) -> None:
        name = self.one_of_those_there(number)
        self.tell(SetRole(name, role))
        assert name not in self.there or self.conference.parties[name].role is role

    @rule(number=somebody, text=st.sampled_from(["", "4", None]), name=st.sampled_from("abc"))
    def label(self, number: int, text: str | None, name: str) -> None:
        party = self.one_of_those_there(number)
        self.tell(SetLabels(party, {name: text}))
        assert party not in self.there or self.conference.parties[party].labels.get(name) == text

    @rule(which=st.sampled_from(Selector), by=names, change=st.sampled_from(CHANGES))
    def select(self, which: Selector, by: str, change: Change) -> None:
        roles = {name: party.role for name, party in self.conference.parties.items()}
        effects = self.tell(Select(which, (change,), by))
        chosen = [name for effect in effects if isinstance(effect, Selected) for name in effect.parties]
        assert chosen == [name for name in roles if name in chosen], "in the order they came"
        if which is Selector.OTHERS:
            assert all(name != by and roles[name] is not Role.MODERATOR for name in chosen)
        if which is Selector.LAST:
            assert len(chosen) <= 1
        if which.value in list(Role):
            assert all(roles[name] == which.value for name in chosen)

    @rule(number=somebody, group=st.integers(0, 3))
    def send(self, number: int, group: int) -> None:
        party = self.one_of_those_there(number)
        self.tell(SetGroup(party, group))

    @rule(groups=st.integers(1, 3), ends_in_s=st.sampled_from([0.0, 30.0, 90.0]))
    def open_groups(self, groups: int, ends_in_s: float) -> None:
        self.tell(OpenGroups(("",) * groups, ends_in_s=ends_in_s))
        assert self.groups or self.ended

    @rule(in_s=st.sampled_from([0.0, 5.0]))
    def end_groups(self, in_s: float) -> None:
        self.tell(EndGroups(in_s))
        assert in_s or not self.groups

    @rule(on=st.booleans())
    def mute_all(self, on: bool) -> None:
        self.tell(MuteAll(on))
        roles = {name: party.role for name, party in self.conference.parties.items()}
        assert all(told.muted == on for name, told in self.in_room.items() if roles[name] is Role.PARTICIPANT)

    @rule(on=rarely)
    def lock(self, on: bool) -> None:
        self.tell(Lock(on))

    @rule(by=st.sampled_from(["", *NAMES]), confirm=st.booleans())
    def dial(self, by: str, confirm: bool) -> None:
        self.tell(Dial("102", by if by in self.there else "", confirm=confirm))

    @rule(name=names, kind=st.sampled_from(PartyKind))
    def answer(self, name: str, kind: PartyKind) -> None:
        if self.ringing and name not in self.there:
            invitation = min(self.ringing)
            self.ringing.remove(invitation)
            self.tell(InviteAnswered(invitation, name, kind))

    @rule(cancel=st.booleans())
    def give_up(self, cancel: bool) -> None:
        if self.ringing:
            invitation = max(self.ringing)
            if not cancel:
                self.ringing.remove(invitation)
            self.tell(CancelInvite(invitation) if cancel else InviteFailed(invitation))
            assert invitation not in self.ringing

    @rule(state=st.sampled_from(RecordingState))
    def record(self, state: RecordingState) -> None:
        self.tell(SetRecording(state))

    @rule(mute=st.booleans(), lobby=st.booleans())
    def other_settings(self, mute: bool, lobby: bool) -> None:
        changed = Settings(max_members=MAX, mute_non_moderator=mute, lobby=lobby, prompts=self.settings.prompts)
        self.tell(NewSettings(changed))
        if not self.ended:
            self.settings = changed

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0]) | st.floats(0.0, 20.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.tell(Time())
        assert self.conference.deadline is None or self.conference.deadline > self.now

    @precondition(lambda self: self.now > 60.0 and not self.ended)
    @rule()
    def end(self) -> None:
        self.tell(End())
        assert self.ended

    @invariant()
    def books_agree(self) -> None:
        parties = self.conference.parties
        assert {name: party.place for name, party in parties.items()} == {n: t.place for n, t in self.there.items()}
        assert all(parties[name].muted == told.muted for name, told in self.in_room.items())
        assert {name: party.group for name, party in parties.items()} == {n: t.group for n, t in self.there.items()}
        assert self.conference.locked == self.locked
        assert set(self.conference.ringing) == self.ringing
        assert self.conference.recording is self.recording
        assert (self.conference.state is Phase.ENDED) == self.ended
        assert (self.conference.state is Phase.OPEN) == bool(self.there)

    @invariant()
    def never_too_many(self) -> None:
        assert sum(told.place is not Place.INVITED for told in self.there.values()) <= MAX
        assert self.conference.size <= MAX

    @invariant()
    def who_hears_whom(self) -> None:
        """As somebody would say who only carried out the effects."""
        for ear, listener in self.there.items():
            for mouth, speaker in self.there.items():
                both = listener.place is speaker.place is Place.JOINED and ear != mouth and not speaker.muted
                both = both and listener.group == speaker.group
                aimed = not listener.deaf if speaker.whispers is None else ear in speaker.whispers
                assert self.conference.hears(ear, mouth) == (both and aimed)

    @invariant()
    def who_waits_has_music(self) -> None:
        for told in self.there.values():
            if told.place in {Place.LOBBY, Place.WAITING, Place.HELD}:
                assert told.music
            assert not (told.music and told.place is Place.INVITED)

    @invariant()
    def a_listener_is_muted(self) -> None:
        roles = {name: party.role for name, party in self.conference.parties.items()}
        assert all(told.muted for name, told in self.in_room.items() if roles[name] is Role.LISTENER)


TestRules = Rules.TestCase
TestRules.settings = hypothesis_settings(max_examples=150, stateful_step_count=60, deadline=None)
