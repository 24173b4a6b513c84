"""Our own control API."""

from softphone.api.v1 import (
    bans,
    codes,
    conferences,
    dials,
    events,
    extensions,
    history,
    invitation,
    parties,
    playbacks,
    recording,
    recordings,
    room_invitation,
    sounds,
    webhooks,
    wrong_codes,
)

__all__ = ["ROUTERS"]

BOTH = (
    *(conferences, parties, bans, playbacks, dials, recording, recordings),
    *(sounds, extensions, codes, invitation, room_invitation, events, webhooks, wrong_codes),
)

ROUTERS = (*(router for module in BOTH for router in (module.reading, module.doing)), history.reading)
