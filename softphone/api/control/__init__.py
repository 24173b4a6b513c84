"""Our own control API."""

from softphone.api.control import (
    conferences,
    events,
    extensions,
    history,
    invitations,
    parties,
    recordings,
    running_calls,
    sounds,
    trace,
    webhooks,
)

__all__ = ["ROUTERS"]

PAIRS = (running_calls, recordings, sounds, events, webhooks)
GROUPS = (conferences, parties, extensions, invitations, history)

ROUTERS = (
    *(router for module in PAIRS for router in (module.reading, module.doing)),
    *(router for module in GROUPS for router in module.ROUTERS),
    trace.reading,
)
