"""The HTTP application: routes, limits, errors, cross-origin rules."""

from functools import partial
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

import softphone.api.http.errors
from softphone.api import control, health, restcomm, web
from softphone.api.auth import oauth
from softphone.api.auth.tokens import basic_credentials, grant_of
from softphone.api.context import ApiContext
from softphone.api.http import front
from softphone.api.http.errors import ApiError
from softphone.api.http.gate import Head, RequestGate
from softphone.api.http.idempotency import Idempotency
from softphone.api.http.intake import BodyLimit, UploadIntake
from softphone.api.restcomm.representation import Representation
from softphone.api.ringcentral import gateway_routes, subscription_routes
from softphone.api.ringcentral import routes as ringcentral
from softphone.api.ringcentral.service import Notifications
from softphone.api.ringcentral.traffic import RATE_HEADERS, Asker, Traffic
from softphone.api.telphin import extensions as telphin_extensions
from softphone.api.telphin import routes as telphin

__all__ = ["create_app"]

CORS_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CORS_REQUEST_HEADERS = (
    "authorization",
    "content-type",
    "x-user-agent",
    "client-id",
    "discovery-tag",
    "idempotency-key",
)
CORS_ANSWER_HEADERS = (
    "location",
    "retry-after",
    *map(str.lower, RATE_HEADERS),
    "rcrequestid",
)


def create_app(context: ApiContext, notifications: Notifications) -> FastAPI:
    """Build the application around what its routes share, and what tells programs what happens."""
    http = context.config.http
    app = FastAPI(title="softphone", summary="Conference bridge", docs_url=None, redoc_url=None)
    app.state.context, app.state.notifications = context, notifications
    web.install(app, context)
    softphone.api.http.errors.install(app)
    for router in (
        *web.routers(context.config.web),
        front.router,
        health.router,
        *oauth.ROUTERS,
        *ringcentral.ROUTERS,
        subscription_routes.router,
        gateway_routes.router,
        telphin.router,
        telphin_extensions.router,
        *restcomm.ROUTERS,
        *control.ROUTERS,
    ):
        app.include_router(router)
    for path in control.SESSIONS:
        for router in control.OF_SESSIONS:
            app.include_router(router, prefix=path)
    app.add_middleware(Idempotency, partial(_who, context))
    app.add_middleware(BodyLimit, http.max_body_bytes, http.request_timeout_s)
    app.add_middleware(UploadIntake, Path(context.config.server.data), http.max_upload_bytes, partial(_who, context))
    app.add_middleware(Traffic, context.config.rates, partial(_counted, context))
    if http.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=http.cors_origins,
            allow_credentials=True,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_ANSWER_HEADERS,
        )
    app.add_middleware(Representation)
    app.add_middleware(Head)
    app.add_middleware(RequestGate)
    return app


def _who(context: ApiContext, header: str) -> str | None:
    """Name the extension, or else the program, whose token a header bears."""
    try:
        grant = grant_of(header, context)
    except ApiError:
        return None
    return f"extension {grant.extension_id}" if grant.extension_id else f"program {grant.client_id}"


def _counted(context: ApiContext, asker: Asker) -> str:
    """Name the user and the program of a token; else, at an address, the program that it names, or nobody.

    A name that is no program's is nobody's: whoever makes names up would not be limited, and take memory for each.
    """
    try:
        grant = grant_of(asker.authorization, context)
    except ApiError:
        program, _ = basic_credentials(asker.authorization) or ("", "")
        return f"{program if context.grants.knows(program) else ''} at {asker.address}"
    return f"{grant.extension_id} by {grant.client_id}"
