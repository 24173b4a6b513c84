"""Restcomm's API: conferences, their participants, calls and recordings of an account."""

from softphone.api.restcomm import calls, conferences, participants, recordings

__all__ = ["ROUTERS"]

ROUTERS = (conferences.router, participants.router, calls.router, recordings.router)
