"""A pyVoIP phone in a process of its own (it is threads and blocking sockets): one call, told in JSON lines on stdout.

Run with one JSON argument, the fields of `Plan`. Lines: ready, calling | ringing, answered, ended (with who hung up).
"""

import json
import sys
import time
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyVoIP.VoIP import CallState, VoIPPhone

# pyVoIP looks at its socket first one second after its start, and tells of a call one second after its INVITE.
ANSWER_S = 30.0


@dataclass(frozen=True)
class Plan:
    """What the phone is to do. Without `number` it waits for a call; `hang_up` False waits for the other side's BYE."""

    server: str
    server_port: int
    sip_port: int
    user: str
    tone_hz: float
    seconds: float
    heard: str
    number: str = ""
    password: str = ""
    hang_up: bool = True


def say(event: str, **fields: Any) -> None:
    """One JSON line."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def wait_for(call: Any, states: set[Any], seconds: float) -> bool:
    """Whether the call came to one of `states` in time."""
    deadline = time.monotonic() + seconds
    while call.state not in states:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def converse(call: Any, plan: Plan) -> str:
    """Speak and listen as planned; who ended the call, `us` or `them`."""
    instants = np.arange(round(8000 * (plan.seconds + 5))) / 8000
    # pyVoIP's samples are unsigned bytes around 128.
    call.write_audio((128 + 50 * np.sin(2 * np.pi * plan.tone_hz * instants)).astype(np.uint8).tobytes())
    ended = wait_for(call, {CallState.ENDED}, plan.seconds if plan.hang_up else 60.0)
    heard = np.frombuffer(call.read_audio(round(8000 * plan.seconds), blocking=False), np.uint8)
    with wave.open(plan.heard, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(((heard.astype(np.int16) - 128) * 256).astype("<i2").tobytes())
    if not ended:
        call.hangup()
    return "them" if ended else "us"


def main() -> int:
    """Exit status 0 when the call was answered and ended as planned."""
    plan = Plan(**json.loads(sys.argv[1]))
    incoming: list[Any] = []
    phone: Any = VoIPPhone(
        plan.server,
        plan.server_port,
        plan.user,
        plan.password,
        myIP="127.0.0.1",
        callCallback=incoming.append,
        sipPort=plan.sip_port,
        rtpPortLow=plan.sip_port + 2,
        rtpPortHigh=plan.sip_port + 4,
    )
    if not plan.password:
        phone.sip.register = lambda: True  # a phone without an account does not register
    phone.start()
    try:
        return run(phone, plan, incoming)
    finally:
        phone.stop()


def run(phone: Any, plan: Plan, incoming: list[Any]) -> int:
    """The one call of this process."""
    say("ready", status=str(phone.get_status()))
    deadline = time.monotonic() + ANSWER_S
    if plan.number:
        call = phone.call(plan.number)
        say("calling")
    else:
        while not incoming and time.monotonic() < deadline:
            time.sleep(0.02)
        call = incoming[0]
        say("ringing")
        call.answer()
    if not wait_for(call, {CallState.ANSWERED}, ANSWER_S):
        say("unanswered", state=str(call.state))
        return 1
    say("answered")
    say("ended", by=converse(call, plan))
    return 0


if __name__ == "__main__":
    sys.exit(main())
