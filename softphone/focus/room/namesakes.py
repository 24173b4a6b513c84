"""Parties that call themselves the same, or what looks the same: each is shown under a name of its own."""

from collections.abc import Mapping

from softphone.focus.session import Party
from softphone.text import distinct, skeleton

__all__ = ["Namesakes"]

# Names of parties that left are forgotten when there are so many more of them than parties.
SLACK = 64


class Namesakes:
    """The names of a conference.

    Parameters
    ----------
    parties
        Who is there, by party id, now and later.
    """

    def __init__(self, parties: Mapping[str, Party]) -> None:
        self._parties = parties
        self._bearers: dict[str, set[str]] = {}

    def name(self, party: Party) -> str:
        """Give the name that a party is shown under: its own, with a number when another party already bears it.

        Calls of one extension are one user, and keep one name.
        """
        name = distinct(party.caller.name, lambda bare: self._is_anothers(bare, party))
        if len(self._bearers) > 2 * len(self._parties) + SLACK:
            self._forget()
        self._bearers.setdefault(skeleton(name), set()).add(party.id)
        return name

    def _is_anothers(self, bare: str, party: Party) -> bool:
        bearers = self._bearers.get(bare, set())
        bearers.intersection_update(self._parties)
        return any(each != party.id and not _same_user(self._parties[each], party) for each in bearers)

    def _forget(self) -> None:
        self._bearers = {bare: there for bare, ids in self._bearers.items() if (there := ids & self._parties.keys())}


def _same_user(one: Party, other: Party) -> bool:
    return one.extension_id is not None and one.extension_id == other.extension_id
