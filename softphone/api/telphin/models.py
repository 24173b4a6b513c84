"""The JSON shapes of Telphin's API."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

__all__ = ["AccountToken", "TelphinExtension"]


class AccountToken(BaseModel):
    """A token for the account, without an extension (RFC 6749 section 4.4)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    scope: Literal["all"] = "all"


class TelphinExtension(BaseModel):
    """An extension, with what of Telphin's view of it there is here."""

    id: Annotated[int | str, Field(description="A number, unless the account's id is none.")]
    name: str
    type: Literal["phone", "conference"]
    status: Literal["active"] = "active"
    label: str
    domain: str
