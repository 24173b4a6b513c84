"""The caller and the account of a request: HTTP Basic (RFC 7617) with sid or name, and password."""

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request, Response

from softphone.api.auth.tokens import basic_credentials, logged_in
from softphone.api.context import ApiContext, ContextDep
from softphone.api.restcomm.errors import unknown, unproved
from softphone.api.restcomm.rendering import Listing, Resource, rendered
from softphone.api.restcomm.representation import JSON, VERSION
from softphone.api.restcomm.sids import account_of, account_sid
from softphone.focus.commanding import Actor, acts
from softphone.store.values import Extension

__all__ = ["PATH", "AccountDep", "RestcommAccount"]

PATH = "/restcomm/2012-04-24.{form}/Accounts/{account_sid}"


@dataclass(frozen=True, slots=True)
class RestcommAccount:
    """The account that a request is about."""

    owner: Extension
    "Whose it is; an administrator may ask about those of others."
    as_json: bool

    @property
    def sid(self) -> str:
        """Its sid."""
        return account_sid(self.owner)

    @property
    def sees_all(self) -> bool:
        """Whether conferences and calls of all users are this account's: it is an administrator's."""
        return self.owner.admin

    @property
    def suffix(self) -> str:
        """What the URIs of single resources end in."""
        return ".json" if self.as_json else ""

    def uri(self, *path: str) -> str:
        """Give the URI of something of the account's; it begins with the version."""
        return "/".join([f"/{VERSION}/Accounts/{self.sid}", *path])

    def answer(self, what: Resource | Listing, status: int = 200) -> Response:
        """Write an answer in the representation asked for."""
        return rendered(what, as_json=self.as_json, status=status)


async def account(
    request: Request, context: ContextDep, sid: Annotated[str, Path(alias="account_sid", max_length=100)]
) -> RestcommAccount:
    """Give the account of the path, which has to be the sender's; what is commanded by the request is its command.

    Raises
    ------
    ApiError
        401: it is not proved, or another's. 404: an administrator asks about one that is not there. 429: there were
        too many wrong passwords.
    """
    caller = await proved(request, context)
    owner = account_of(sid, context.accounts)
    if owner is None or owner.id != caller.id:
        if not caller.admin:
            raise unproved()
        if owner is None:
            raise unknown()
    acts(Actor(f"extension {caller.number}", "http", agent=request.headers.get("user-agent", "")))
    return RestcommAccount(owner, request.url.path.startswith(JSON))


async def proved(request: Request, context: ApiContext) -> Extension:
    """Give who sends a request; raises ApiError 401, 429."""
    given = basic_credentials(request.headers.get("authorization", ""))
    if given is None:
        raise unproved()
    user, password = given
    meant = account_of(user, context.accounts)
    found = logged_in(request, context, meant.number if meant else user, password, time.monotonic())
    if found is None or found.kind != "user":
        raise unproved()
    return found


AccountDep = Annotated[RestcommAccount, Depends(account)]
