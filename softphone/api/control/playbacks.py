"""Sounds played to a party or to all."""

from typing import Annotated

from fastapi import Path, Response

from softphone.api.context import ContextDep
from softphone.api.control.models import PlaybackView, PlaybackWish, UploadedSound
from softphone.api.control.paths import ManagedDep
from softphone.api.http.answers import commands, queries
from softphone.focus.words import Prompt, Sound

__all__ = ["doing", "reading"]

PREFIX = "/api/v1/conferences/{id}/playbacks"

reading = queries(PREFIX, "playbacks")
doing = commands(PREFIX, "playbacks")

PlaybackId = Annotated[int, Path(alias="playback", ge=0, le=2**31 - 1)]


@doing.post("", status_code=201)
async def play(session: ManagedDep, wish: PlaybackWish, context: ContextDep) -> PlaybackView:
    """Play prompts, spoken numbers and uploaded sounds, one after the other."""
    number = await context.control.play(
        session.id, [_prompt(each) for each in wish.sounds], party=wish.party, loop=wish.loop, recorded=wish.recorded
    )
    return PlaybackView(id=number)


def _prompt(written: str | int | UploadedSound) -> Prompt:
    return Sound(str(written.sound)) if isinstance(written, UploadedSound) else written


@doing.delete("/{playback}", status_code=204)
async def stop_playback(session: ManagedDep, playback: PlaybackId, context: ContextDep) -> Response:
    """Stop it."""
    await context.control.stop_playback(session.id, playback)
    return Response(status_code=204)
