"""Common parts of the paths below ``/restapi/v1.0``: account, extension, addresses, lists."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.errors import coded, not_found
from softphone.store.values import Extension

__all__ = ["ACCOUNT", "API", "MeantDep", "OwnDep", "check_account", "listed", "number", "uri_of"]

API = "/restapi/v1.0"
ACCOUNT = f"{API}/account"

PER_PAGE = 1000


async def check_account(
    account_id: Annotated[str, Path(alias="accountId")], _caller: CallerDep, context: ContextDep
) -> None:
    """Refuse an account that is neither the caller's id nor ``~``; after the token, so strangers learn nothing."""
    if account_id not in ("~", context.accounts.account_id):
        raise not_found("accountId")


async def meant_extension(
    extension_id: Annotated[str, Path(alias="extensionId", max_length=40)], caller: CallerDep, context: ContextDep
) -> Extension:
    """Give the extension of a path; ``~`` is the caller."""
    extension = caller if extension_id == "~" else context.accounts.by_id(extension_id)
    if extension is None:
        raise not_found("extensionId")
    return extension


MeantDep = Annotated[Extension, Depends(meant_extension)]


async def own_extension(extension: MeantDep, caller: CallerDep) -> Extension:
    """Give the extension of a path, to itself or to an administrator."""
    if not caller.admin and extension.id != caller.id:
        raise coded("CMN-404")
    return extension


OwnDep = Annotated[Extension, Depends(own_extension)]


def uri_of(request: Request, context: ApiContext, *below: str) -> str:
    """Give the address of the account, or of what is below it, as the client reaches this server."""
    base = f"{str(request.base_url).rstrip('/')}{ACCOUNT}/{context.accounts.account_id}"
    return "/".join((base, *below))


def number(identity: str) -> int | str:
    """Give an id as the number that clients want, where it is one."""
    return int(identity) if identity.isdecimal() and identity.isascii() else identity


def listed(uri: str, records: Sequence[Any]) -> dict[str, Any]:
    """Show a list that fits a page."""
    page = {"uri": f"{uri}?page=1&perPage={PER_PAGE}"}
    return {
        "uri": uri,
        "records": list(records),
        "paging": {
            "page": 1,
            "perPage": PER_PAGE,
            "pageStart": 0,
            "pageEnd": max(0, len(records) - 1),
            "totalPages": 1,
            "totalElements": len(records),
        },
        "navigation": {"firstPage": page, "lastPage": page},
    }
