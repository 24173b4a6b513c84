"""Conferences in a browser: the page, and its HTTP API."""

from fastapi import APIRouter, FastAPI

from softphone.api.context import ApiContext
from softphone.api.web import account, events, joining, pages, whip
from softphone.api.web.boards import Boards
from softphone.api.web.rates import OfferRates
from softphone.api.web.titles import title_of
from softphone.api.web.whip import WhipSessions
from softphone.config import WebConfig

__all__ = ["install", "routers"]

ROUTERS = (account.router, joining.router, whip.router, events.router)


def routers(config: WebConfig) -> tuple[APIRouter, ...]:
    """Give what is served: where joining by HTTP is switched off, a page that says so."""
    return (pages.router, *(ROUTERS if config.enabled else ()))


def install(app: FastAPI, context: ApiContext) -> None:
    """Give an application what the routes share."""
    app.state.offers = OfferRates()
    app.state.whip = WhipSessions()
    app.state.boards = Boards(context.focus, lambda session: title_of(session, context.accounts))
