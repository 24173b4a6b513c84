"""Sounds and texts that are played to a conference or call, or to one party of it."""

from typing import Annotated

from fastapi import Path, Response
from pydantic import BaseModel, Field

from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.models import Group, PartyRef, Strict
from softphone.api.control.paths import ManagedDep
from softphone.api.http.answers import commands
from softphone.focus.words import Prompt, Sound

__all__ = ["OF_SESSIONS", "SpokenText"]

doing = commands("/playbacks", "playbacks", 502)
OF_SESSIONS = (doing,)

# Longer than any text that is said.
LONGEST = 10_000


class UploadedSound(Strict):
    """A sound that was uploaded."""

    sound: Annotated[int, Field(ge=1, le=2**31 - 1)]


class SpokenText(Strict):
    """A text that is made speech; 403 where the configuration has no command for it."""

    text: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    voice: Annotated[str, Field(max_length=64, description="As the configuration names it; empty: the usual one.")] = ""
    language: Annotated[str, Field(max_length=64, description="For example en or de; empty: the usual one.")] = ""


SoundName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_/-]{0,99}$", examples=["conf-muted"])]
Spoken = Annotated[int, Field(ge=0, le=999_999_999)]


class PlaybackWish(Strict):
    """What is to be played or said, to whom."""

    sounds: Annotated[
        list[SoundName | Spoken | UploadedSound | SpokenText],
        Field(min_length=1, max_length=50, description="Names of prompts, numbers to be spoken, uploads, texts."),
    ]
    party: Annotated[PartyRef | None, Field(description="Null: to all.")] = None
    group: Annotated[Group | None, Field(description="To all in this breakout group; null: to all there are.")] = None
    loop: bool = False
    recorded: Annotated[bool, Field(description="Whether the recording has it.")] = False


class PlaybackView(BaseModel):
    """Something is being played; its end is a ``playback.ended`` event."""

    id: int


PlaybackId = Annotated[int, Path(alias="playback", ge=0, le=2**31 - 1)]


@doing.post("", status_code=201)
async def play(session: ManagedDep, wish: PlaybackWish, context: ContextDep) -> PlaybackView:
    """Play prompts, spoken numbers, uploaded sounds and texts, one after the other."""
    sounds = [await _prompt(each, context) for each in wish.sounds]
    number = await context.control.play(
        session.id, sounds, party=wish.party, group=wish.group, loop=wish.loop, recorded=wish.recorded
    )
    return PlaybackView(id=number)


async def _prompt(written: str | int | UploadedSound | SpokenText, context: ApiContext) -> Prompt:
    match written:
        case UploadedSound(sound=number):
            return Sound(str(number))
        case SpokenText():
            return await context.speech.sound(written.text, written.voice, written.language)
    return written


@doing.delete("/{playback}", status_code=204)
async def stop_playback(session: ManagedDep, playback: PlaybackId, context: ContextDep) -> Response:
    """Stop it."""
    await context.control.stop_playback(session.id, playback)
    return Response(status_code=204)
