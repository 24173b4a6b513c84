"""What to do about calls that failed: the cause is the server's word, and the option that answers it is ours."""

from collections.abc import Iterable

from softphone.load.plan import LoadPlan

__all__ = ["hints"]

PASSWORD = "the server asks for a password: --user and --password (or SOFTPHONE_PASSWORD)"
HINTS = (
    (
        ("301", "302", "305"),
        "the server redirects calls, and nobody answers where it names: call the address that takes calls",
    ),
    (("404", "604"), "the server knows nobody of that name: it is what stands before the @"),
    (("410",), "the conference is over: a new one is called by its own URI"),
    (("415", "488", "606"), "the server takes no such sound: another --codec, or --srtp"),
    (("no answer",), "nothing came back: is it the host and port, --transport, a firewall, or does nobody pick up?"),
    (("SipNetworkError: cannot be sent",), "nobody takes connections there: is it the port, and --transport?"),
)
"""Beginnings of causes, as calls are counted by, and what helps."""


def hints(causes: Iterable[str], plan: LoadPlan) -> list[str]:
    """Say what helps against some causes, each once; nothing where nothing is known."""
    told = tuple(causes)
    refused = "the server takes no call with this user and password" if plan.user and plan.password else PASSWORD
    known = ((("401", "407"), refused), *HINTS)
    return [f"hint: {words}" for beginnings, words in known if any(cause.startswith(beginnings) for cause in told)]
