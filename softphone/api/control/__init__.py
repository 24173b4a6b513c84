"""Our own control API."""

from softphone.api.control import (
    allowed,
    call_handling,
    conferences,
    events,
    extensions,
    groups,
    history,
    invitations,
    many,
    parties,
    passes,
    playbacks,
    recordings,
    running_calls,
    sounds,
    streams,
    trace,
    webhooks,
)

__all__ = ["OF_SESSIONS", "ROUTERS", "SESSIONS"]

PAIRS = (running_calls, recordings, sounds, events, webhooks)
MODULES = (allowed, conferences, groups, many, parties, passes, extensions, call_handling, invitations, history)

# What is done in conferences and calls alike, below the path of either.
OF_SESSIONS = (*conferences.OF_SESSIONS, *playbacks.OF_SESSIONS, *streams.OF_SESSIONS, *parties.OF_SESSIONS)
SESSIONS = ("/api/v1/conferences/{id}", "/api/v1/calls/{id}")
ROUTERS = (
    *(router for module in PAIRS for router in (module.reading, module.doing)),
    *(router for module in MODULES for router in module.ROUTERS),
    trace.reading,
)
