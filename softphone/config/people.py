"""The sections of the configuration file that fill the store: the account, its extensions, programs of the API."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = ["AccountConfig", "ClientConfig", "ExtensionConfig"]

Count = Annotated[int, Meta(ge=1)]


class AccountConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The one account that the extensions belong to."""

    id: str = "1"
    main_number: str = ""


class ExtensionConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A user or a conference room with a number; an empty password of a user is made on the first run."""

    number: Annotated[str, Meta(pattern=r"\A[0-9]{1,15}\Z")]
    kind: Literal["user", "conference"] = "user"
    name: str = ""
    password: str = ""
    admin: bool = False
    conferencing: bool = True
    pin: str = ""
    moderator_pin: str = ""
    mute_non_moderator: bool = False
    max_members: Count = 100
    announce_caller_name: bool = False
    record_enabled: bool = False
    do_not_disturb: bool = False
    call_waiting: bool = True
    forward_always: str = ""
    forward_busy: str = ""
    forward_no_answer: str = ""
    no_answer_s: Annotated[int, Meta(ge=1, le=600)] = 20


class ClientConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A program that may ask for tokens; an empty secret is made on the first run, unless it is public."""

    id: Annotated[str, Meta(min_length=1)]
    secret: str = ""
    public: bool = False
    redirect_uris: tuple[str, ...] = ()
