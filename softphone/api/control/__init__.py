"""Our own control API."""

from softphone.api.control import (
    bans,
    calls,
    codes,
    conferences,
    dials,
    directory,
    events,
    extensions,
    history,
    invitation,
    invitations,
    parties,
    playbacks,
    recording,
    recordings,
    registrations,
    room_invitation,
    running_calls,
    sounds,
    trace,
    webhooks,
    wrong_codes,
)

__all__ = ["ROUTERS"]

BOTH = (
    *(running_calls, conferences, parties, bans, playbacks, dials, recording, recordings),
    *(sounds, extensions, codes, invitation, room_invitation, events, webhooks, wrong_codes, registrations),
)

READING = (history, calls, invitations, directory, trace)

ROUTERS = (
    *(router for module in BOTH for router in (module.reading, module.doing)),
    *(module.reading for module in READING),
)
