"""The roster in XML: whole documents, and what changed applied to what was known."""

from xml.etree import ElementTree as etree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.focus.entrance import conference_info
from softphone.focus.entrance.conference_info import ConferenceInfo, User, UserEndpoint

NS = "{urn:ietf:params:xml:ns:conference-info}"

ADA = User("sip:101@host", "Ada", ("Host",), (UserEndpoint("sip:p-1@host", "connected", "dialed-in", "sendrecv"),))
BOB = User("sip:bob@host", "", ("Participant",), (UserEndpoint("sip:p-2@host", "on-hold", "dialed-out", "recvonly"),))


def roster(*users: User, locked: bool = False) -> ConferenceInfo:
    info = ConferenceInfo("sip:conf_1@host", "Conference")
    info.be(max_users=10, locked=locked)
    for user in users:
        info.put(user)
    return info


def read(text: bytes | None) -> etree.Element:
    assert text is not None
    return etree.fromstring(text)


def test_the_whole_roster() -> None:
    root = read(roster(ADA, BOB).document(None, 1))
    assert root.tag == f"{NS}conference-info"
    assert dict(root.attrib) == {"entity": "sip:conf_1@host", "version": "1", "state": "full"}
    assert [child.tag for child in root] == [
        f"{NS}conference-description",
        f"{NS}conference-state",
        f"{NS}users",
    ]
    assert root.findtext(f"{NS}conference-description/{NS}maximum-user-count") == "10"
    assert root.findtext(f"{NS}conference-state/{NS}user-count") == "2"
    ada, bob = root.findall(f"{NS}users/{NS}user")
    assert (ada.get("entity"), ada.findtext(f"{NS}display-text")) == ("sip:101@host", "Ada")
    assert bob.findtext(f"{NS}endpoint/{NS}status") == "on-hold"
    assert bob.findtext(f"{NS}endpoint/{NS}media/{NS}status") == "recvonly"
    assert bob.find(f"{NS}display-text") is None


def test_nothing_new_is_no_document() -> None:
    info = roster(ADA)
    known = info.version
    info.put(ADA)
    info.drop(BOB.entity)
    info.be(max_users=10, locked=False)
    assert info.document(known, 2) is None


def test_a_change_tells_nothing_else() -> None:
    info = roster(ADA)
    known = info.version
    info.be(max_users=10, locked=True)
    root = read(info.document(known, 2))
    assert root.get("state") == "partial"
    assert root.findtext(f"{NS}conference-state/{NS}locked") == "true"
    assert root.find(f"{NS}conference-description") is None
    assert list(root.find(f"{NS}users") or []) == []


def test_another_limit_is_told() -> None:
    info = roster(ADA)
    known = info.version
    info.be(max_users=20, locked=False)
    assert read(info.document(known, 2)).findtext(f"{NS}conference-description/{NS}maximum-user-count") == "20"


def test_who_knows_too_little_is_told_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conference_info, "MOST_GONE", 2)
    info = roster(ADA, BOB)
    known = info.version
    for number in range(3):
        info.put(User(f"sip:{number}@host", "", (), ()))
        info.drop(f"sip:{number}@host")
    assert read(info.document(known, 2)).get("state") == "full"
    assert read(info.document(info.version - 1, 2)).get("state") == "partial"


names = st.text(max_size=8)
users = st.builds(
    User,
    entity=st.sampled_from([f"sip:{n}@host" for n in range(6)]),
    name=names,
    roles=st.sampled_from([("Host",), ("Participant",)]),
    endpoints=st.lists(
        st.builds(
            UserEndpoint,
            st.sampled_from(["sip:a@host", "sip:b@host"]),
            st.sampled_from(["connected", "on-hold"]),
            st.just("dialed-in"),
            st.sampled_from(["sendrecv", "recvonly"]),
        ),
        max_size=2,
    ).map(tuple),
)


def known(root: etree.Element) -> dict[str, bytes]:
    return {user.get("entity", ""): etree.tostring(user) for user in root.findall(f"{NS}users/{NS}user")}


changes = st.one_of(users, st.sampled_from([f"sip:{n}@host" for n in range(6)]), st.booleans())


@given(st.lists(st.tuples(changes, st.booleans()), max_size=40))
def test_what_changed_applied_to_what_was_known_gives_the_whole(steps: list[tuple[User | str | bool, bool]]) -> None:
    """For one who is told of everything, and for one who is told only now and then."""
    info = roster()
    readers = [(info.version, dict[str, bytes]())] * 2
    for number, (change, slow) in enumerate(steps, start=2):
        if isinstance(change, User):
            info.put(change)
        elif isinstance(change, str):
            info.drop(change)
        else:
            info.be(max_users=10, locked=change)
        readers = [told(info, *readers[0], number), told(info, *readers[1], number) if slow else readers[1]]
    whole = read(info.document(None, 1))
    assert told(info, *readers[1], 99)[1] == readers[0][1] == known(whole)
    assert whole.findtext(f"{NS}conference-state/{NS}user-count") == str(len(known(whole)))


def told(info: ConferenceInfo, version: int, state: dict[str, bytes], number: int) -> tuple[int, dict[str, bytes]]:
    text = info.document(version, number)
    assert (text is None) == (version == info.version)
    state = dict(state)
    if text is not None:
        root = read(text)
        assert (root.get("version"), root.get("state")) == (str(number), "partial")
        for entity, user in known(root).items():
            if etree.fromstring(user).get("state") == "deleted":
                state.pop(entity, None)
            else:
                state[entity] = user
    return info.version, state


def test_who_knows_the_same_is_told_what_was_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    info, written = roster(ADA), list[int]()
    write = info._write

    def noted(known: int) -> tuple[bytes, bytes]:
        written.append(known)
        return write(known)

    monkeypatch.setattr(info, "_write", noted)
    known = info.version
    info.put(BOB)
    documents = {info.document(known, number) for number in (5, 5, 6)} | {info.document(None, 1)}
    assert len(documents) == 3 and written == [known, 0]
