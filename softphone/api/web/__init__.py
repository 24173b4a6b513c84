"""Conferences in a browser: the page, and what it asks the server."""

from softphone.api.web import joining, pages, whip
from softphone.api.web.whip import WhipSessions

__all__ = ["ROUTERS", "WhipSessions"]

ROUTERS = (pages.router, joining.router, whip.router)
