"""Restcomm's API: conferences, their participants, calls and recordings of an account."""

from softphone.api.restcomm import conferences, participants

__all__ = ["ROUTERS"]

ROUTERS = (conferences.router, participants.router)
