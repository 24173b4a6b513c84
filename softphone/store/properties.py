"""Properties of a conference extension: valid values, and changes."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Self, TypeVar

import msgspec
from msgspec import Meta

from softphone.store.errors import PropertyError

__all__ = ["DEFAULT_MAX_MEMBERS", "ConferenceProperties", "changed"]

# What `max_members = None` means.
DEFAULT_MAX_MEMBERS = 100

# What can be typed on a telephone; 16 digits are beyond what anybody types.
PIN = re.compile(r"[0-9]{1,16}", re.ASCII)

T = TypeVar("T", bound=Any)

Id = Annotated[int, Meta(ge=1, le=2**31 - 1)]


@dataclass(frozen=True, slots=True)
class ConferenceProperties:
    """How the room of a conference extension behaves.

    PINs are stored as they are, because whoever may read the properties is shown them; they are never logged.

    Raises
    ------
    PropertyError
        A PIN is not made of 1 to 16 digits, there is a `moderator_pin` without a `pin`, or both are the same.
    """

    announce_caller_name: bool = False
    enter_sound: Id | None = None
    "Id of a stored sound."
    max_members: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    pin: str | None = field(default=None, repr=False)
    moderator_pin: str | None = field(default=None, repr=False)
    mute_non_moderator: bool = False
    music_on_hold_sound: Id | None = None
    "Id of a stored sound."
    record_enabled: bool = False

    def __post_init__(self) -> None:
        for name in ("pin", "moderator_pin"):
            value = getattr(self, name)
            if value is not None and not PIN.fullmatch(value):
                raise PropertyError(name, "must be 1 to 16 digits")
        if self.moderator_pin is not None:
            if self.pin is None:
                raise PropertyError("moderator_pin", "needs a pin beside it")
            if self.moderator_pin == self.pin:
                raise PropertyError("moderator_pin", "must differ from pin")

    @property
    def limit(self) -> int:
        """How many parties may be in the room."""
        return DEFAULT_MAX_MEMBERS if self.max_members is None else self.max_members

    def changed(self, changes: Mapping[str, object]) -> Self:
        """Give the properties with some of them replaced.

        Parameters
        ----------
        changes
            New values by name, as they came from outside.

        Raises
        ------
        PropertyError
            A name is unknown, or a value has the wrong type or is out of range.
        """
        return changed(self, changes)


def changed(value: T, changes: Mapping[str, object]) -> T:
    """Give a dataclass with some members replaced by what came from outside.

    Raises
    ------
    PropertyError
        A name is unknown, or a value has the wrong type or is out of range.
    """
    values = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    for name in changes:
        if name not in values:
            raise PropertyError(name, "no such property")
    try:
        converted: T = msgspec.convert(values | dict(changes), type(value))
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, PropertyError):
            raise error.__cause__ from None
        reason, _, name = str(error).partition(" - at `$.")
        raise PropertyError(name.rstrip("`"), reason[:1].lower() + reason[1:]) from None
    return converted
