"""Profiles of phones that need special treatment; the only place that distinguishes kinds of phones.

A telephone says what it is in its User-Agent. Whatever differs asks the profile for one named property and never for
the name of a product; a telephone that nobody here knows is `ORDINARY`, for which every property is what the RFCs say.
"""

from dataclasses import dataclass, replace

from softphone.phrases import phrase
from softphone.sip.message.grammar import quote
from softphone.sip.message.message import Headers, Request

__all__ = ["ORDINARY", "EdgeProfile", "edge_of", "edge_of_agent"]

# Between the 183 and the final response of a telephone that begins to listen for the second only after the first.
PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class EdgeProfile:
    """The peculiarities of a kind of telephone."""

    name: str = ""
    "As the log and the trace show it; empty: an ordinary telephone."
    challenged: bool = False
    "Reads a challenge from the first response to each initial INVITE, so that none may be answered without one."
    single_progress: bool = False
    """Takes its session description from the first response above 100, and the next response for the final one: there
    is one provisional response above 100, with a description, before each final one."""
    pause_s: float = 0.0
    "Least time between that response and the final one."
    busy_only: bool = False
    "Knows one refusal of a call, 486; another one but 488 is told as that."
    user_only: bool = False
    "Writes a host of its maker's into the URIs that it refers to: the user part says whom it means."
    commands: bool = False
    "Is told who calls by a P-rc header, says by MESSAGE what is to become of that call, and commands by JSON in INFO."
    one_contact: bool = False
    """Takes the first Contact of a 2xx to REGISTER for its own, 603 for there being too many others, and 403 to a call
    for its having unregistered."""
    unasked: bool = False
    "Answers neither OPTIONS nor UPDATE and refreshes no session: its connection alone tells whether it is there."
    key_prelude: bool = False
    "Tells a key by a first packet without duration (RFC 4733), and by no other."
    call_id: str = "Call-ID"
    "How it has that header spelled in requests, whose spelling its answers take over."
    spaced: bool = False
    "Cuts a stream where it rests: what has a body is written alone, with silence after it."

    def refusal(self, status: int, reason: str | None, headers: Headers) -> tuple[int, str | None, Headers]:
        """Give the final response by which a call is refused as it is to be; why it is, a Reason says (RFC 3326)."""
        if not self.busy_only or status in (486, 487, 488):
            return status, reason, headers
        said = quote(reason or phrase(status))
        return 486, None, [("Reason", f"SIP;cause={status};text={said}")]

    def __bool__(self) -> bool:
        """Whether there is anything peculiar."""
        return bool(self.name)


ORDINARY = EdgeProfile()

_RINGCENTRAL = EdgeProfile(
    "ringcentral",
    challenged=True,
    single_progress=True,
    pause_s=PAUSE_S,
    busy_only=True,
    user_only=True,
    commands=True,
    one_contact=True,
    unasked=True,
    call_id="Call-Id",
)

# What a User-Agent contains, in lower case.
_AGENTS = {
    "ringcentral-web-phone": replace(_RINGCENTRAL, name="ringcentral-web-phone"),
    "rcwebphone/": replace(_RINGCENTRAL, name="ringcentral-web-phone-1"),
    "ringcentral-softphone": replace(_RINGCENTRAL, name="ringcentral-softphone", spaced=True, key_prelude=True),
}


def edge_of_agent(agent: str | None) -> EdgeProfile:
    """Give the profile of who says this in its User-Agent."""
    said = (agent or "").lower()
    return next((profile for mark, profile in _AGENTS.items() if mark in said), ORDINARY)


def edge_of(request: Request) -> EdgeProfile:
    """Give the profile of who sent a request."""
    return edge_of_agent(request.get("User-Agent"))
