"""The properties of a conference extension: shown, and changed in part, for both faces that have them."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from fastapi import Request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from softphone.api.http.errors import ApiError, invalid
from softphone.store.properties import ConferenceProperties

__all__ = ["Properties", "PropertiesChange", "changes_of"]

SoundId = Annotated[int | None, Field(ge=1, le=2**31 - 1)]
Pin = Annotated[str | None, Field(pattern=r"^[0-9]{1,16}$")]

MEMBERS = TypeAdapter(dict[str, Any])


class Properties(BaseModel):
    """How the room of a conference extension behaves."""

    announce_caller_name: bool
    enter_sound: int | None
    max_members: int | None
    moderator_pin: str | None
    music_on_hold_sound: int | None
    mute_non_moderator: bool
    pin: str | None
    record_enabled: bool

    @classmethod
    def of(cls, properties: ConferenceProperties) -> Self:
        """Show the properties that the store has."""
        return cls.model_validate(properties, from_attributes=True)


class PropertiesChange(BaseModel):
    """Any of the properties; those that are not named stay. For the description: the store checks them."""

    announce_caller_name: bool = False
    enter_sound: SoundId = None
    max_members: Annotated[int | None, Field(ge=1, le=100_000)] = None
    moderator_pin: Annotated[Pin, Field(description="Only together with a pin.")] = None
    music_on_hold_sound: SoundId = None
    mute_non_moderator: bool = False
    pin: Pin = None
    record_enabled: bool = False


async def changes_of(request: Request) -> Mapping[str, object]:
    """Read which properties are to be changed; no body changes nothing.

    Raises
    ------
    ApiError
        400: it is not a JSON object.
    """
    body = await request.body()
    try:
        return MEMBERS.validate_json(body.strip() or b"{}")
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise ApiError(400, "CMN-103", "JSON can't be parsed.") from error
        raise invalid("body") from error
