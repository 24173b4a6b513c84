"""The roster in XML: whole documents, and what changed applied to what was known."""

from xml.etree import ElementTree as etree

from hypothesis import given
from hypothesis import strategies as st

from softphone.focus.entrance.conference_info import ConferenceInfo, User, UserEndpoint, document

NS = "{urn:ietf:params:xml:ns:conference-info}"

ADA = User("sip:101@host", "Ada", ("Host",), (UserEndpoint("sip:p-1@host", "connected", "dialed-in", "sendrecv"),))
BOB = User("sip:bob@host", "", ("Participant",), (UserEndpoint("sip:p-2@host", "on-hold", "dialed-out", "recvonly"),))


def roster(*users: User, locked: bool = False) -> ConferenceInfo:
    return ConferenceInfo("sip:conf_1@host", "Conference", 10, locked, users)


def read(text: bytes | None) -> etree.Element:
    assert text is not None
    return etree.fromstring(text)


def test_the_whole_roster() -> None:
    root = read(document(roster(ADA, BOB), None, 1))
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
    assert document(roster(ADA), roster(ADA), 2) is None


def test_a_change_tells_nothing_else() -> None:
    root = read(document(roster(ADA, locked=True), roster(ADA), 2))
    assert root.get("state") == "partial"
    assert root.findtext(f"{NS}conference-state/{NS}locked") == "true"
    assert root.find(f"{NS}conference-description") is None
    assert list(root.find(f"{NS}users") or []) == []


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
rosters = st.builds(
    lambda found, locked: roster(*found, locked=locked),
    st.lists(users, max_size=6, unique_by=lambda user: user.entity),
    st.booleans(),
)


def known(root: etree.Element) -> dict[str, bytes]:
    return {user.get("entity", ""): etree.tostring(user) for user in root.findall(f"{NS}users/{NS}user")}


@given(st.lists(rosters, min_size=2, max_size=6))
def test_what_changed_applied_to_what_was_known_gives_the_whole(steps: list[ConferenceInfo]) -> None:
    state = known(read(document(steps[0], None, 1)))
    for version, (previous, now) in enumerate(zip(steps, steps[1:], strict=False), start=2):
        text = document(now, previous, version)
        assert (text is None) == (previous == now)
        if text is not None:
            for entity, user in known(read(text)).items():
                if etree.fromstring(user).get("state") == "deleted":
                    del state[entity]
                else:
                    state[entity] = user
        assert state == known(read(document(now, None, version)))
