"""A leg moves to another media worker, and its peer is told to send there."""

import asyncio

import msgspec

from softphone.calls.leg import CallLeg
from softphone.errors import MediaError
from softphone.media.contract.messages import GetKeys
from softphone.media.workers.client import Media

__all__ = ["OFFER_S", "move"]

OFFER_S = 20.0
"""How long a client that came by HTTP may take to offer anew."""


async def move(leg: CallLeg, media: Media, room: int) -> None:
    """Take a leg on the worker of `room`; what the peer hears of the one before goes on till it sends there.

    By SIP it is asked by a re-INVITE, by HTTP to make an offer. `media` has both workers.

    Raises
    ------
    CallRefused, SdpError, MediaError, CallEnded, SipError
        All is as it was.
    """
    before = leg.info
    if before is None:
        return
    leg.answered.clear()
    spec = leg.spec
    if spec.srtp is not None:  # with its keys goes how far the peer's packets are numbered
        spec = msgspec.structs.replace(spec, srtp=await media.ask(GetKeys(before.leg)))
    await leg.take(spec, room)
    left = before.leg
    try:
        await (_offered(leg) if leg.call is None else leg.reinvite(anew=True))
    except BaseException:
        if leg.info is not None:
            left, leg.info = leg.info.leg, before
        raise
    finally:
        leg.give_back(left)


async def _offered(leg: CallLeg) -> None:
    """Wait for the offer that a client is asked for."""
    if not leg.ask_offer():
        raise MediaError("its client cannot be asked to offer anew")
    try:
        async with asyncio.timeout(OFFER_S):
            await leg.answered.wait()
    except TimeoutError as error:
        raise MediaError("its client has not offered anew") from error
