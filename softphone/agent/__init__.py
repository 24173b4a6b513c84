"""The public client: ``Agent`` is the telephone, ``Call`` is one conversation on it."""

from softphone.agent.agent import Agent
from softphone.agent.call import Call, KeyMethod
from softphone.agent.conference_state import ConferenceState, ConferenceUser
from softphone.agent.control import CallState
from softphone.agent.playback import Playback
from softphone.agent.streams import Frame, FrameStream
from softphone.agent.terms import IceServers

__all__ = [
    "Agent",
    "Call",
    "CallState",
    "ConferenceState",
    "ConferenceUser",
    "Frame",
    "FrameStream",
    "IceServers",
    "KeyMethod",
    "Playback",
]
