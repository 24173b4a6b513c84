"""Connectivity checks as a browser sends them, by a library nobody here wrote."""

from aioice import stun

KEY = b"p" * 24


def check(
    username: str = "ours:theirs",
    key: bytes = KEY,
    *,
    nominate: bool = True,
    role: str = "ICE-CONTROLLING",
    priority: int | None = 1853824767,
) -> bytes:
    """Give a binding request."""
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = username
    if priority is not None:
        message.attributes["PRIORITY"] = priority
    message.attributes[role] = 1 << 60
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(key)
    message.add_fingerprint()
    return bytes(message)
