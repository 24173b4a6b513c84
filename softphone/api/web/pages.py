"""The browser page: files of the package, served as they are. Nothing is built, and nothing comes from elsewhere.

The page is the same for every conference: it reads the code of its link itself, so the server looks nothing up for it.
A browser asks each time whether a file is still the same, by its ETag (RFC 9110 section 8.8.3): after an upgrade no
page has scripts of two versions.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request, Response

from softphone.api.context import ApiContext, ContextDep
from softphone.api.http.errors import coded
from softphone.api.http.front import plain_page

__all__ = ["WebFile", "router", "web_files"]

router = APIRouter(include_in_schema=False)

KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

PAGE = "index.html"

# Scripts, styles and connections are ours alone; nothing is in the page itself that runs, whoever gets a word into it.
# A link holds the code of a conference: no other site is told it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file of the page."""

    content: bytes
    kind: str
    etag: str

    def answer(self, request: Request) -> Response:
        """Send it, or say that what the browser has is still the same."""
        headers = {**HEADERS, "ETag": self.etag}
        asked = request.headers.get("if-none-match", "")
        if asked == "*" or self.etag in (each.strip().removeprefix("W/") for each in asked.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.kind, headers=headers)


@cache
def web_files() -> dict[str, WebFile]:
    """Give all files of the page by name; they are read once."""
    folder = resources.files("softphone").joinpath("web")
    found = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
    return {name: _file(name, content) for name, content in found.items() if name.rpartition(".")[2] in KINDS}


def _file(name: str, content: bytes) -> WebFile:
    return WebFile(content, KINDS[name.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:20]}"')


OFF = (
    "<p>A conference bridge. Joining from a browser is switched off here "
    "(<code>[web] enabled</code>): join by phone.</p>"
    '<p>For programs: <a href="/docs">the API</a>, <a href="/openapi.json">OpenAPI</a>, '
    '<a href="/healthz">health</a>.</p>'
)


def _page(request: Request, context: ApiContext, status: int) -> Response:
    if context.config.web.enabled:
        return web_files()[PAGE].answer(request)
    return plain_page("softphone", OFF, status)


@router.get("/")
async def page(request: Request, context: ContextDep) -> Response:
    """Show the page."""
    return _page(request, context, 200)


@router.get("/j/{code}")
async def page_of_link(request: Request, context: ContextDep) -> Response:
    """Show the page; it reads the code from its address."""
    return _page(request, context, 404)


@router.get("/web/static/{name}")
async def static(name: str, request: Request, context: ContextDep) -> Response:
    """Send a file that the page needs."""
    file = web_files().get(name) if context.config.web.enabled else None
    if file is None:
        raise coded("CMN-120")
    return file.answer(request)
