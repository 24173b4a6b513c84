"""Who gets in: moderators where locks and limits let them pass, and who is on a list."""

import itertools

import pytest

from mixer.rules.effects import Admitted, Denied, Effect, PartyLeft, Refused, Waits
from mixer.rules.events import Admit, InviteAnswered, Join, Keys, Kick, SetRole
from mixer.rules.roles import Place, Role
from mixer.rules.room_effects import Invite, RestrictedChanged
from mixer.rules.room_events import Dial, Lock, NewSettings, SetAllowed
from mixer.rules.session import Conference
from mixer.rules.settings import Settings
from tests.support.conference import room

HOST, GUEST = Role.MODERATOR, Role.PARTICIPANT


def answer(effects: list[Effect], party: str) -> Effect:
    return next(each for each in effects if isinstance(each, Admitted | Waits | Refused) and each.party == party)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("lock", "limit"), list(itertools.product([False, True], repeat=2)))
def test_only_moderators_pass_and_only_what_they_are_let_pass(role: Role, lock: bool, limit: bool) -> None:
    passes = {"hosts_pass_lock": lock, "hosts_pass_limit": limit}
    full, locked = room("a", max_members=1, **passes), room("a", **passes)
    locked.handle(Lock(True), 0.0)
    host, admitted = role is HOST, Admitted("b", role is Role.LISTENER)
    assert full.handle(Join("b", role), 0.0)[0] == (admitted if limit and host else Refused("b", "full"))
    assert locked.handle(Join("b", role), 0.0)[0] == (admitted if lock and host else Refused("b", "locked"))


def test_a_host_above_the_limit_counts() -> None:
    conference = room("a", "b", max_members=2, hosts_pass_limit=True)
    conference.handle(Join("host", HOST), 0.0)
    conference.handle(Kick("a"), 0.0)
    assert conference.handle(Join("c"), 0.0) == [Refused("c", "full")]
    conference.handle(Kick("b"), 0.0)
    assert conference.handle(Join("c"), 0.0) == [Admitted("c", False)]


def test_no_place_is_kept_for_a_host_that_needs_none() -> None:
    for passes, expected in ((False, Refused("b", "full")), (True, Waits("b", Place.WAITING))):
        conference = room("a", max_members=2, wait_for_host=True, hosts_pass_limit=passes)
        assert answer(conference.handle(Join("b"), 0.0), "b") == expected


@pytest.mark.parametrize("passes", [False, True])
def test_nobody_is_rung_who_could_not_come_in(passes: bool) -> None:
    conference = room("a", max_members=3, wait_for_host=True, hosts_pass_limit=passes)
    assert conference.handle(Dial("102"), 0.0) == [Invite(1, "102")]
    assert conference.handle(Dial("103"), 0.0) == ([Invite(2, "103")] if passes else [Denied("", "full")])
    assert isinstance(conference.handle(Dial("104", role=HOST), 0.0)[0], Invite)
    assert conference.handle(Dial("105"), 0.0) == [Denied("", "full")]


def test_a_host_that_passes_a_lock_lets_in_nobody_else() -> None:
    conference = room("a", wait_for_host=True, hosts_pass_lock=True)
    conference.handle(Lock(True), 0.0)
    conference.handle(Join("host", HOST), 0.0)
    assert [party.place for party in conference.parties.values()] == [Place.WAITING, Place.JOINED]
    conference.handle(Lock(False), 0.0)
    assert [party.place for party in conference.parties.values()] == [Place.JOINED, Place.JOINED]


def test_who_is_made_a_host_while_it_waits_passes_the_lock() -> None:
    conference = room("a", "b", wait_for_host=True, hosts_pass_lock=True)
    conference.handle(Lock(True), 0.0)
    conference.handle(SetRole("a", HOST), 0.0)
    assert [party.place for party in conference.parties.values()] == [Place.JOINED, Place.WAITING]
    lobby = room("a", lobby=True, hosts_pass_lock=True)
    lobby.handle(Lock(True), 0.0)
    assert lobby.handle(Admit("a"), 0.0) == [Denied("a", "locked")]
    lobby.handle(SetRole("a", HOST), 0.0)
    assert Admitted("a", False) in lobby.handle(Admit("a"), 0.0)


def test_a_host_is_called_into_a_locked_and_full_room() -> None:
    conference = room("a", max_members=1, hosts_pass_lock=True, hosts_pass_limit=True)
    conference.handle(Lock(True), 0.0)
    assert conference.handle(Dial("102"), 0.0) == [Denied("", "locked")]
    assert conference.handle(Dial("102", role=HOST), 0.0) == [Invite(1, "102")]
    conference.handle(InviteAnswered(1, "b"), 0.0)
    assert Admitted("b", False) in conference.handle(Keys("b", "1"), 0.0)


def test_the_settings_hold_at_once() -> None:
    conference = room("a", max_members=1)
    assert conference.handle(Join("host", HOST), 0.0) == [Refused("host", "full")]
    conference.handle(NewSettings(Settings(max_members=1, hosts_pass_limit=True)), 0.0)
    assert conference.handle(Join("host", HOST), 0.0)[0] == Admitted("host", False)


# Lists.


def listed(*identities: str) -> Conference:
    conference = room("a")
    assert conference.handle(SetAllowed(frozenset(identities)), 0.0) == [RestrictedChanged(True)]
    return conference


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        (Join("b", identity="x"), Admitted("b", False)),
        (Join("b", identity="y"), Refused("b", "not_listed")),
        (Join("b"), Refused("b", "not_listed")),
        (Join("b", Role.LISTENER, identity="y"), Refused("b", "not_listed")),
        (Join("b", HOST, identity="y"), Admitted("b", False)),
        (Join("b", identity="y", invited=True), Admitted("b", False)),
    ],
)
def test_who_is_on_the_list(join: Join, expected: Effect) -> None:
    assert listed("x").handle(join, 0.0)[0] == expected


def test_a_ban_is_stronger_than_a_list() -> None:
    conference = listed("x")
    conference.handle(Join("b", identity="x"), 0.0)
    conference.handle(Kick("b", ban=True), 0.0)
    assert conference.handle(Join("b", identity="x", invited=True), 0.0) == [Refused("b", "banned")]


def test_who_is_called_in_need_not_be_listed() -> None:
    conference = listed()
    conference.handle(Dial("102"), 0.0)
    assert answer(conference.handle(InviteAnswered(1, "b", identity="y"), 0.0), "b") == Waits("b", Place.INVITED)
    assert Admitted("b", False) in conference.handle(Keys("b", "1"), 0.0)


def test_a_list_sends_nobody_away_and_is_told_when_it_begins_and_ends() -> None:
    conference = listed()
    assert list(conference.parties) == ["a"]
    assert conference.handle(SetAllowed(frozenset({"z"})), 0.0) == []
    assert conference.handle(SetAllowed(None), 0.0) == [RestrictedChanged(False)]
    assert conference.handle(SetAllowed(None), 0.0) == []
    assert conference.handle(Join("b"), 0.0) == [Admitted("b", False)]


def test_a_list_outlives_an_empty_room() -> None:
    conference = listed("x")
    assert PartyLeft("a", "kicked") in conference.handle(Kick("a"), 0.0)
    assert conference.handle(Join("b", identity="y"), 0.0) == [Refused("b", "not_listed")]
