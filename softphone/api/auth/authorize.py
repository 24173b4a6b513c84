"""Login page for authorization codes (RFC 6749 section 4.1), with PKCE."""

import time
from dataclasses import dataclass
from html import escape
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from softphone.api.auth.codes import Authorized
from softphone.api.auth.tokens import logged_in
from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.errors import ApiError, invalid

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

PATHS = ("/oauth/authorize", "/restapi/oauth/authorize")
METHODS = ("plain", "S256")

# Nothing is loaded, nobody frames it, and it is kept nowhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Log in</title><style>body{{font:1rem sans-serif;max-width:22rem;margin:3rem auto;padding:0 1rem}}
label,input,button{{display:block;width:100%;box-sizing:border-box;margin:.4rem 0;padding:.4rem}}
p[role=alert]{{color:#a00}}</style></head>
<body><main><h1>Log in</h1><p>The program <strong>{client}</strong> wants to act for you. You go back to {host}.</p>
{problem}
<form method="post">
<label for="username">Extension</label><input id="username" name="username" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Allow</button></form></main></body></html>"""


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What a program asks for, in the query, to which the page sends the log-in."""

    response_type: str = ""
    client_id: str = ""
    redirect_uri: str = ""
    state: str = ""
    code_challenge: str = ""
    code_challenge_method: str = "plain"

    @property
    def problem(self) -> str:
        """Why no code can be had this way (section 4.1.2.1); empty: it can."""
        if self.response_type != "code":
            return "unsupported_response_type"
        return "" if self.code_challenge_method in METHODS and len(self.code_challenge) <= 128 else "invalid_request"

    def back(self, **more: str) -> Response:
        """Send the browser back to the program."""
        told = more | ({"state": self.state} if self.state else {})
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return RedirectResponse(f"{self.redirect_uri}{joint}{urlencode(told)}", 303, HEADERS)


Text = Annotated[str, Query(max_length=2000)]


async def asked(
    context: ContextDep,
    response_type: Text = "",
    client_id: Text = "",
    redirect_uri: Text = "",
    state: Text = "",
    code_challenge: Text = "",
    code_challenge_method: Text = "plain",
) -> AuthorizationRequest:
    """Read the query; whom nobody knows is sent nowhere: the address could be anybody's."""
    if not redirect_uri or redirect_uri not in _addresses(client_id, context):
        raise invalid("redirect_uri" if context.grants.knows(client_id) else "client_id")
    return AuthorizationRequest(response_type, client_id, redirect_uri, state, code_challenge, code_challenge_method)


def _addresses(client_id: str, context: ApiContext) -> tuple[str, ...]:
    return next((each.redirect_uris for each in context.config.clients if each.id == client_id), ())


AuthorizationDep = Annotated[AuthorizationRequest, Depends(asked)]


async def show(wish: AuthorizationDep, context: ContextDep) -> Response:
    """Show the page, or send the browser back with what is wrong."""
    return _refused(wish, context) or _page(wish)


async def allow(
    request: Request,
    wish: AuthorizationDep,
    context: ContextDep,
    username: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Log in, and send the browser back with a code."""
    if (refused := _refused(wish, context)) is not None:
        return refused
    now = time.monotonic()
    try:
        extension = logged_in(request, context, username, password, now)
    except ApiError as error:  # too many wrong ones
        return _page(wish, error.message, error.status, error.headers)
    if extension is None:
        return _page(wish, "This is no extension and its password.", 401)
    authorized = Authorized(
        wish.client_id, wish.redirect_uri, extension.id, wish.code_challenge, wish.code_challenge_method
    )
    return wish.back(code=context.authorizations.issue(authorized, now))


def _refused(wish: AuthorizationRequest, context: ApiContext) -> Response | None:
    """Send the browser back where a code is not to be had; a program without a secret has to prove itself by PKCE."""
    unproved = context.grants.is_public(wish.client_id, "") and not wish.code_challenge
    problem = wish.problem or ("invalid_request" if unproved else "")
    return wish.back(error=problem) if problem else None


def _page(
    wish: AuthorizationRequest, problem: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    told = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    host = escape(urlsplit(wish.redirect_uri).netloc or "the program")
    page = PAGE.format(client=escape(wish.client_id), host=host, problem=told)
    return HTMLResponse(page, status, HEADERS | (headers or {}))


for _path in PATHS:
    router.get(_path)(show)
    router.post(_path)(allow)
