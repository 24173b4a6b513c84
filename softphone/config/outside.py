"""The sections of the configuration file about numbers outside: trunks, how numbers are dialled, and the guard."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from softphone.srtp import Encryption

__all__ = ["DialRule", "PrefixRule", "TollConfig", "TrunkConfig"]

Limit = Annotated[int, Meta(ge=0)]
Prefix = Annotated[str, Meta(pattern=r"\A\+?[0-9*#]+\Z")]


class PrefixRule(Struct, frozen=True, forbid_unknown_fields=True):
    """How a number that begins with a prefix is written anew: fewer characters at its front, then `add` there."""

    prefix: Annotated[str, Meta(pattern=r"\A\+?[0-9*#]*\Z")] = ""
    strip: Limit = 0
    add: Annotated[str, Meta(pattern=r"\A\+?[0-9*#]*\Z")] = ""


class DialRule(PrefixRule, frozen=True, forbid_unknown_fields=True):
    """How a number that is dialled is called outside, and by which trunks; none named: by all that take it."""

    trunks: tuple[str, ...] = ()


class TollConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The guard of calls outside, whatever trunk they take."""

    allow: tuple[Prefix, ...] = ()
    deny: tuple[Prefix, ...] = ()
    max_calls: Limit = 100
    calls_per_hour: Limit = 1000
    user_calls: Limit = 10
    user_calls_per_hour: Limit = 100


class TrunkConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A way to numbers outside, and from there; without a URI there is none."""

    name: str = ""
    uri: str = ""
    register: bool = False
    username: str = ""
    password: str = ""
    caller: str = ""
    from_user: str = ""
    from_domain: str = ""
    trusted: bool = False
    encryption: Encryption | Literal[""] = ""
    allow: tuple[Prefix, ...] = ()
    deny: tuple[Prefix, ...] = ()
    max_calls: Limit = 100
    outgoing: tuple[PrefixRule, ...] = ()
    incoming: tuple[PrefixRule, ...] = ()
    addresses: tuple[str, ...] = ()
    numbers: dict[str, str] = {}
    default: str = ""
