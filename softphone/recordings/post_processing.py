"""Processing of a finished recording: conversion if configured, then hook and webhook."""

from pathlib import Path

import msgspec
import structlog

from softphone.config import RecordingConfig
from softphone.programs import python, run
from softphone.recordings.entry import Entry, encode
from softphone.recordings.files import RecordingFiles
from softphone.webhooks import Target, Webhooks

__all__ = ["PostProcessing"]

log = structlog.get_logger()

# A day of speech takes minutes; more means that the converter hangs.
CONVERT_TIMEOUT_S = 3600.0


class PostProcessing:
    """Converts and tells.

    Parameters
    ----------
    shelf
        Where the recordings are.
    settings
        What to make of them, and whom to tell.
    webhooks
        Sends to `settings.webhook_url`.

    Raises
    ------
    ConfigError
        `settings.webhook_url` is none.
    """

    def __init__(self, shelf: RecordingFiles, settings: RecordingConfig, webhooks: Webhooks | None) -> None:
        self._shelf, self._settings, self._webhooks = shelf, settings, webhooks
        self._target = (
            Target(settings.webhook_url, settings.webhook_secret, anywhere=True) if settings.webhook_url else None
        )

    async def convert(self, entry: Entry) -> Entry:
        """Convert all files of a recording; when one cannot be, they all stay as they are."""
        wanted = self._settings.format
        if wanted == entry.format:
            return entry
        folder = self._shelf.folder(entry.id)
        names = {name: str(Path(name).with_suffix(f".{wanted}")) for name in entry.files}
        for source, target in names.items():
            command = python("-m", "softphone.recordings.convert", str(folder / source), str(folder / target))
            problem = await run(command, timeout_s=CONVERT_TIMEOUT_S)
            if problem is not None:
                log.error("recording_not_converted", recording=entry.id, file=source, error=problem)
                return entry
        tracks = {party: names[name] for party, name in entry.tracks.items()}
        return msgspec.structs.replace(entry, format=wanted, mix=names[entry.mix], tracks=tracks)

    async def tell(self, entry: Entry) -> None:
        """Tell the webhook and the command that a recording is ready; returns when the command has ended."""
        if self._target is not None and self._webhooks is not None:
            body = b'{"event":"recording.ready","recording":%b}' % msgspec.json.encode(entry)
            self._webhooks.send(self._target, "recording.ready", body, delivery=entry.id)
        if self._settings.hook:
            await self._run_hook(entry)

    async def _run_hook(self, entry: Entry) -> None:
        folder = self._shelf.folder(entry.id)
        environment = {
            "SOFTPHONE_RECORDING": entry.id,
            "SOFTPHONE_CONFERENCE": entry.conference,
            "SOFTPHONE_FOLDER": str(folder.absolute()),
            "SOFTPHONE_FILE": str((folder / entry.mix).absolute()),
        }
        problem = await run(
            self._settings.hook, given=encode(entry), environment=environment, timeout_s=self._settings.hook_timeout_s
        )
        if problem is not None:
            log.warning("recording_hook_failed", recording=entry.id, error=problem)
