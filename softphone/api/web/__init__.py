"""Conferences in a browser: the page, and what it asks the server."""

from fastapi import FastAPI

from softphone.api.context import ApiContext
from softphone.api.web import events, joining, pages, whip
from softphone.api.web.boards import Boards
from softphone.api.web.titles import title_of
from softphone.api.web.whip import WhipSessions

__all__ = ["ROUTERS", "install"]

ROUTERS = (pages.router, joining.router, whip.router, events.router)


def install(app: FastAPI, context: ApiContext) -> None:
    """Give an application what the routes share."""
    app.state.whip = WhipSessions()
    app.state.boards = Boards(context.focus, lambda session: title_of(session, context.accounts))
