"""Sounds uploaded by administrators, or made from text, for playback in conferences."""

import asyncio
from datetime import datetime
from pathlib import Path as Folder
from typing import Annotated

from fastapi import Form, Path, Response, UploadFile
from pydantic import BaseModel, Field

from softphone.api.auth.access import administrator
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.control.playbacks import SpokenText
from softphone.api.http.answers import commands, queries
from softphone.api.http.errors import ApiError
from softphone.api.http.pages import Part, WholeDep
from softphone.focus.voice.uploads import Clip, SoundUploads, decoded
from softphone.store.values import Extension, SoundRecord
from softphone.text import shown

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/sounds"

reading = queries(PREFIX, "sounds")
doing = commands(PREFIX, "sounds", 502)

# As many as an account can have use for; each takes some megabytes of the disk at most.
MOST = 1000

# Of a name.
LONGEST = 100

SoundId = Annotated[int, Path(alias="sound", ge=1, le=2**31 - 1)]


class SoundView(BaseModel):
    """An uploaded sound: ``{"sound": id}`` among those to be played, or the number in a room's properties."""

    id: int
    name: str
    seconds: float
    created: datetime


class SoundList(Part):
    """All sounds, the oldest first."""

    sounds: list[SoundView]


def _view(sound: SoundRecord) -> SoundView:
    return SoundView(id=sound.id, name=sound.name, seconds=sound.seconds, created=sound.created)


def _uploads(context: ApiContext) -> SoundUploads:
    return SoundUploads(Folder(context.config.server.data) / "sounds")


@reading.get("")
async def list_sounds(_caller: CallerDep, context: ContextDep, parts: WholeDep) -> SoundList:
    """List the sounds."""
    found = parts.of("sounds", await context.store.shelf.sounds(), lambda sound: (sound.id, ""))
    return SoundList(sounds=[_view(sound) for sound in found.items], next=found.next)


@doing.post("", status_code=201)
async def upload_sound(
    caller: CallerDep, context: ContextDep, file: UploadFile, name: Annotated[str, Form(max_length=LONGEST)] = ""
) -> SoundView:
    """Bring an audio file of any usual kind, of at most ten minutes."""
    await _room_for_one(caller, context)
    return await _keep(context, await asyncio.to_thread(decoded, file.file), name or file.filename or "")


class SpeechWish(SpokenText):
    """A text that becomes a sound."""

    name: Annotated[str, Field(max_length=LONGEST, description="Empty: the text.")] = ""


@doing.post("/speech", status_code=201)
async def speak_sound(caller: CallerDep, context: ContextDep, wish: SpeechWish) -> SoundView:
    """Have a text made speech, and keep it as a sound: for the properties of rooms, or to be played."""
    await _room_for_one(caller, context)
    clip = await context.speech.clip(wish.text, wish.voice, wish.language)
    return await _keep(context, clip, wish.name or wish.text)


async def _room_for_one(caller: Extension, context: ApiContext) -> None:
    """Refuse who is no administrator, and a sound too many."""
    administrator(caller)
    if len(await context.store.shelf.sounds()) >= MOST:
        raise ApiError(409, "TAS-106", f"There are {MOST} sounds already")


async def _keep(context: ApiContext, clip: Clip, name: str) -> SoundView:
    sound = await context.store.shelf.add_sound(shown(name, LONGEST) or "sound", "", clip.seconds)
    try:
        await asyncio.to_thread(_uploads(context).save, sound.id, clip)
    except BaseException:
        await context.store.shelf.remove_sound(sound.id)
        raise
    return _view(sound)


@doing.delete("/{sound}", status_code=204)
async def delete_sound(caller: CallerDep, context: ContextDep, number: SoundId) -> Response:
    """Delete a sound that no conference extension plays."""
    administrator(caller)
    await context.store.shelf.remove_sound(number)
    await asyncio.to_thread(_uploads(context).remove, number)
    return Response(status_code=204)
