"""The public client: ``Agent`` is the telephone, ``Call`` is one conversation on it."""

from softphone.agent.agent import Agent
from softphone.agent.call import Call, CallState, KeyMethod
from softphone.agent.streams import FrameStream

__all__ = ["Agent", "Call", "CallState", "FrameStream", "KeyMethod"]
