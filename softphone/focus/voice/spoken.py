"""The names that those in a conference said of themselves: somebody's voice, not kept longer than it is needed."""

from collections import Counter
from collections.abc import Iterable

from mixer.rules.effects import Prompt, Sound
from softphone.focus.voice.names import Names

__all__ = ["SpokenNames"]


class SpokenNames:
    """Removes a name when its party has left and what is said with it was said.

    Parameters
    ----------
    names
        Where they are kept.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._owners: dict[str, str] = {}
        self._left: set[str] = set()
        self._telling: Counter[str] = Counter()

    def came(self, party: str, name: str) -> None:
        """Look after the name of a party; empty: it has none."""
        if name:
            self._owners[party] = name

    def left(self, party: str, *, moved: bool) -> None:
        """Take notice that a party left; one that was `moved` has taken its name along."""
        name = self._owners.pop(party, None)
        if name is not None and not moved:
            self._left.add(name)

    def telling(self, prompts: Iterable[Prompt]) -> str:
        """Take notice of what is going to be said; give the name in it, to be told to :meth:`told`, or nothing."""
        known = {*self._owners.values(), *self._left}
        name = next((each.id for each in prompts if isinstance(each, Sound) and each.id in known), "")
        if name:
            self._telling[name] += 1
        return name

    def told(self, name: str) -> None:
        """Take notice that something with a name was said."""
        self._telling[name] -= 1
        self.sweep()

    def sweep(self) -> None:
        """Remove the names of which nothing more is going to be said."""
        for name in [name for name in self._left if self._telling[name] <= 0]:
            self._left.discard(name)
            del self._telling[name]
            self._names.forget(name)

    def close(self) -> None:
        """Remove all that are left: nothing more is said here."""
        for name in (*self._owners.values(), *self._left):
            self._names.forget(name)
        self._owners.clear()
        self._left.clear()
