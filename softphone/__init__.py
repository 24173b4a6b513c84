"""A SIP softphone agent with an audio conference bridge inside.

::

    async with Agent("sip:bot@127.0.0.1") as agent:
        call = await agent.invite("sip:conf_...@127.0.0.1:5060")
        async for frame in call.frames():  # numpy int16, shape (samples,), call.rate Hz, 20 ms
            await call.write(frame)
"""

import importlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softphone.agent import (
        Agent,
        Call,
        CallState,
        ConferenceState,
        ConferenceUser,
        Frame,
        FrameStream,
        IceServers,
        KeyMethod,
        Playback,
    )
    from softphone.bot import Bot, run_bot, serve_bot
    from softphone.errors import (
        AudioError,
        AuthenticationFailed,
        BadMessage,
        CallEnded,
        CallRefused,
        ConfigError,
        MediaError,
        MediaFull,
        NoCommonCodec,
        NoSuchLeg,
        SdpError,
        SipError,
        SipNetworkError,
        SipTimeout,
        SoftphoneError,
        WorkerGone,
        WriteQueueFull,
    )
    from softphone.media.contract.leg import LegStats
    from softphone.sip.services.registration import Registration, RegistrationState

__all__ = [
    "Agent",
    "AudioError",
    "AuthenticationFailed",
    "BadMessage",
    "Bot",
    "Call",
    "CallEnded",
    "CallRefused",
    "CallState",
    "ConferenceState",
    "ConferenceUser",
    "ConfigError",
    "Frame",
    "FrameStream",
    "IceServers",
    "KeyMethod",
    "LegStats",
    "MediaError",
    "MediaFull",
    "NoCommonCodec",
    "NoSuchLeg",
    "Playback",
    "Registration",
    "RegistrationState",
    "SdpError",
    "SipError",
    "SipNetworkError",
    "SipTimeout",
    "SoftphoneError",
    "WorkerGone",
    "WriteQueueFull",
    "run_bot",
    "serve_bot",
]

# What the library has to say goes to `logging` under "softphone"; where that is written is for the application to say.
logging.getLogger("softphone").addHandler(logging.NullHandler())

# Where the names above live. They are imported when first asked for: a media worker is up in half the time
# without agents, signalling and TLS.
_HOMES = ("errors", "media.contract.leg", "agent", "bot", "sip.services.registration")

if not TYPE_CHECKING:  # for whom any name would do

    def __getattr__(name: str) -> object:
        """Import a public name (PEP 562)."""
        if name in __all__:
            for home in _HOMES:
                module = importlib.import_module(f"softphone.{home}")
                if hasattr(module, name):
                    return globals().setdefault(name, getattr(module, name))
        raise AttributeError(f"module 'softphone' has no attribute {name!r}")
