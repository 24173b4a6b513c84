"""The rooms of a session on its worker, and what is said in them: the main one, and one for each breakout group."""

from collections.abc import Callable
from dataclasses import dataclass

from mixer.rules.effects import Say
from softphone.focus.errors import WrongState
from softphone.focus.party.context import Context
from softphone.focus.party.member import Member
from softphone.focus.party.prompt_player import PromptPlayer
from softphone.focus.voice.names import SpokenNames
from softphone.media.contract.messages import RemoveRoom

__all__ = ["Premises", "SideRoom"]


@dataclass(frozen=True, slots=True)
class SideRoom:
    """The room of a breakout group."""

    room: int
    "On the worker."
    voice: PromptPlayer
    "What is said to all in it."


class Premises:
    """The rooms of a session.

    Parameters
    ----------
    context
        The focus's side.
    find
        Gives the member that a party's name means; None when it is gone.
    main
        The main room, as the worker numbers it.

    Attributes
    ----------
    announcer
        Says prompts to parties, and to all in the main room.
    spoken
        The recorded names of parties, while they are needed.
    sides
        The rooms of breakout groups, number 1 first.
    """

    def __init__(self, context: Context, find: Callable[[str], Member | None], main: int) -> None:
        self._context, self._find, self.main = context, find, main
        self.spoken = SpokenNames(context.names)
        self.announcer = self.side(main).voice
        self.sides: list[SideRoom] = []

    def side(self, room: int) -> SideRoom:
        """Let something be said in a room of the worker."""
        said = self.spoken.told
        return SideRoom(room, PromptPlayer(self._context, self._find, room, lambda name, _to, _whole: said(name)))

    def rooms(self, group: int | None = None) -> list[int]:
        """Give all rooms, the main one first, or that of one group; raises WrongState: there is none such."""
        everywhere = [self.main, *(side.room for side in self.sides)]
        if group is not None and group >= len(everywhere):
            raise WrongState("There is no such breakout group")
        return everywhere if group is None else [everywhere[group]]

    def say(self, effect: Say) -> None:
        """Say something to a party, to a group, or to all."""
        tag = self.spoken.telling(effect.prompts)
        if effect.to is not None or not effect.group:
            self.announcer.tell(effect, tag)
        for number, side in enumerate(self.sides, 1):
            if effect.to is None and effect.group in (None, number):
                side.voice.tell(effect, tag)

    def give_back(self, sides: list[SideRoom]) -> None:
        """Give rooms of groups back to the worker."""
        for side in sides:
            side.voice.close()
            self._context.tasks.start(self._context.media.ask(RemoveRoom(side.room)))
