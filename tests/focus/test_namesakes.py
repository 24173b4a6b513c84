"""No two users of a conference bear one name."""

from hypothesis import given
from hypothesis import strategies as st

from softphone.focus.room.admission import Namesakes
from softphone.focus.session import Direction, Party, PartyAddress
from softphone.text import skeleton
from tests.support.work import instructions

HERE = PartyAddress("conference")


def party(id: str, name: str, extension: str | None = None) -> Party:
    return Party(id, PartyAddress("1", name), HERE, Direction.INBOUND, extension_id=extension)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.sampled_from(["Ada", "ada", "Ada (2)", "Ada 2", "Ben", ""]),
            st.sampled_from([None, "x", "y"]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_users_have_names_of_their_own_and_nothing_is_kept_of_who_left(
    deeds: list[tuple[str, str, str | None, bool]],
) -> None:
    names, there = Namesakes(), dict[str, tuple[str, str]]()
    for id, name, extension, comes in deeds:
        if comes and id not in there:
            there[id] = extension or id, names.name(party(id, name, extension))
        elif not comes:
            names.gone(id)
            there.pop(id, None)
        borne: dict[str, set[str]] = {}
        for user, shown in there.values():
            if shown:
                borne.setdefault(skeleton(shown), set()).add(user)
        assert all(len(users) == 1 for users in borne.values())
    for id in list(there):
        names.gone(id)
    kept = (names._borne, names._bearers, names._users, names._calls, names._free, names._sharing)
    assert not any(kept)


def test_a_name_that_is_free_again_is_given_again() -> None:
    names = Namesakes()
    assert [names.name(party(id, "Ada")) for id in "abc"] == ["Ada", "Ada (2)", "Ada (3)"]
    names.gone("b")
    names.gone("c")
    assert [names.name(party(id, "Ada")) for id in "de"] == ["Ada (2)", "Ada (3)"]


def test_many_of_one_name_cost_each_no_more_than_a_few() -> None:
    taken = set()
    for size in (3, 3000):
        names = Namesakes()
        for number in range(size):
            names.name(party(f"p{number}", "Anonymous"))
        names.name(party("there", "Ben", "x"))

        def come_and_go(names: Namesakes = names) -> None:
            names.name(party("here", "Ben", "x"))
            names.name(party("new", "Anna"))
            names.gone("here")

        taken.add(instructions(come_and_go))
        assert instructions(lambda names=names: names.name(party("more", "Anonymous"))) < 5000  # type: ignore[misc]
        names.gone("more")
        assert names.name(party("last", "Anonymous")) == f"Anonymous ({size + 1})"
    assert len(taken) == 1
