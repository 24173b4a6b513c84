"""Those who come with a pass: led into its room, or refused with what is the matter with it."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from mixer.rules.roles import Role
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.errors import Overloaded
from softphone.focus.focus import Focus
from softphone.focus.passes import Passes
from softphone.focus.room.admission import Admission, NotAdmitted
from softphone.focus.room.conference import ConferenceRoom
from softphone.store.accounts import Accounts
from softphone.store.errors import StoreUnavailable
from softphone.store.passes import PassRecord

__all__ = ["PassGate"]

log = structlog.get_logger()

REMEMBERED = 100
"""Wrong numbers that were counted last: dialled again, they are no new attempt."""

LetIn = Callable[[ConferenceRoom, Admission], Awaitable[None]]
"""Lets somebody into a room, or raises what keeps it out."""


class PassGate:
    """Lets those in who come with passes.

    Parameters
    ----------
    focus, accounts
        Where the rooms are, and whose.
    codes
        Counts wrong numbers as wrong codes.
    passes
        Judges them.
    now
        The time of day, UTC.
    """

    def __init__(
        self,
        focus: Focus,
        accounts: Accounts,
        codes: CodeBook,
        passes: Passes,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._focus = focus
        self._accounts = accounts
        self._codes = codes
        self._passes = passes
        self._now = now
        self._wrong: deque[tuple[str, str, str]] = deque(maxlen=REMEMBERED)

    async def enter(self, admission: Admission, number: str, let_in: LetIn) -> None:
        """Let somebody in as its pass says.

        Parameters
        ----------
        let_in
            Does it, once it is known where to and as what; what it raises leaves the pass unused.

        Raises
        ------
        NotAdmitted
            404: the bridge has not made it. 403: too many of those were dialled from there. 410: it is used, expired or
            revoked, or its conference is over; or as the room refuses.
        Overloaded
            The store is away.
        """
        if self._codes.is_closed(None, admission):
            raise NotAdmitted("too_many_codes")
        if not self._passes.is_signed(number):
            self._count(admission, number)
            raise NotAdmitted("unknown")
        try:
            await self._enter(admission, number, let_in)
        except StoreUnavailable as error:
            raise Overloaded(str(error)) from error

    def _count(self, admission: Admission, number: str) -> None:
        """Count a wrong number once: a 404 ends its transaction, so a retransmitted INVITE comes as one more."""
        guess = (admission.number, admission.host, number)
        if guess not in self._wrong:
            self._wrong.append(guess)
            self._codes.wrong(None, admission)

    async def _enter(self, admission: Admission, number: str, let_in: LetIn) -> None:
        found = await self._passes.find(number)
        if found is None:
            raise NotAdmitted("pass_expired")
        if (state := found.state(self._now())) != "valid":
            raise NotAdmitted(f"pass_{state}")
        room = await self._room(found)
        bearer = replace(
            admission,
            role=Role.LISTENER if found.hidden else Role(found.role),
            name=found.name or admission.name,
            invited=True,
            hidden=found.hidden,
        )
        now = self._now()
        try:
            mine = await self._passes.use(found, now)
            if mine:
                await let_in(room, bearer)
        except BaseException:
            # However it failed, its task cancelled by a stop of the server too: it has not come in.
            await self._give_back(found, now)
            raise
        if not mine:
            raise NotAdmitted("pass_used")
        self._passes.used(room.session.id, found)
        log.info("pass_used", session=room.session.id, number=found.id)

    async def _give_back(self, found: PassRecord, used: datetime) -> None:
        try:
            await self._passes.give_back(found, used)
        except StoreUnavailable as error:
            log.warning("pass_not_given_back", number=found.id, reason=str(error))

    async def _room(self, found: PassRecord) -> ConferenceRoom:
        extension = self._accounts.by_id(found.room)
        if extension is not None:
            return await self._focus.open(extension)
        room = self._focus.conferences.get(found.room)
        if room is None:
            raise NotAdmitted("ended")
        return room
