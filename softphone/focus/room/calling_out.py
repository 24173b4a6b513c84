"""A call that a program places for an extension: its own telephones ring first, then whom it calls."""

import asyncio
from collections.abc import Sequence

from softphone.errors import SoftphoneError
from softphone.focus.party.dialplan import DialTarget
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.identity import Caller
from softphone.focus.party.outcome import NotReached
from softphone.focus.room.attendant import TakenHere
from softphone.focus.room.transfers import joins
from softphone.focus.room.two_party import CallRoom, begin, serve
from softphone.focus.session import Party, PartyAddress, PartyStatus
from softphone.store.values import Extension

__all__ = ["call_out"]


def call_out(room: CallRoom, extension: Extension, phones: Sequence[DialTarget], number: str) -> None:
    """Begin to ring; the session shows how far it is, and is over when nobody is reached.

    Parameters
    ----------
    phones
        Of the extension.
    number
        Whom it calls, inside or outside.
    """
    first, second = begin(room, PartyAddress.of(extension), room.dialer.whom(number))
    room.news.expect(first)
    room.context.tasks.start(_connect(room, extension, phones, first, second))


async def _connect(
    room: CallRoom, extension: Extension, phones: Sequence[DialTarget], first: Party, second: Party
) -> None:
    try:
        shown = Caller(first.callee.number, first.callee.name, account=extension.id)
        own = await room.ringing.first(phones, lambda: room.phone(first), shown, lambda *_: room.news.proceed())
        if room.ask(own, first, joins(first)) is not None:
            Hangup(room.context, own).say()
            return
        room.progressed(first, PartyStatus.ANSWERED)
        try:
            await room.ring(second, Caller(extension.number, extension.name, account=extension.id))
        except TakenHere as taken:
            serve(room, own, taken)
            return
    except NotReached as error:
        room.close(error.outcome.word)
    except (SoftphoneError, asyncio.CancelledError):
        room.close("failed")
        raise
    else:
        room.stands()
