"""Passes: invitations of one person, signed by the bridge, that expire and may be good for one use.

A pass is a number of 24 digits that any telephone can dial: ten of its row in the store, and fourteen of a signature
(HMAC-SHA256 of those ten, by a key that only the bridge has). No telephone number is that long (E.164 has 15 digits). A
number whose signature is wrong costs no look into the store, and counts as a wrong code of whoever dialled it.
"""

import hmac
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from softphone.focus.commanding import Commands
from softphone.focus.errors import NoSuchPass, Overloaded
from softphone.focus.feed import EventType
from softphone.focus.focus import Focus
from softphone.focus.session import RoomKind, TelephonySession
from softphone.store.errors import NoSuchRow, StoreUnavailable
from softphone.store.passes import DIGITS, PassRecord, PassShelf
from softphone.store.values import Extension

__all__ = ["PASS", "Passes", "signing_key"]

SIGNATURE = 14
PASS = re.compile(rf"[0-9]{{{DIGITS + SIGNATURE}}}", re.ASCII)


def signing_key(secret: str) -> bytes:
    """Derive the key of passes from a secret of the installation, which signs other things besides."""
    return hmac.digest(secret.encode(), b"softphone passes", "sha256")


class Passes(Commands):
    """Makes, judges and revokes passes.

    Parameters
    ----------
    focus
        Where the rooms are.
    shelf
        Where the passes are kept.
    key
        Signs them.
    """

    def __init__(self, focus: Focus, shelf: PassShelf, key: bytes) -> None:
        self._focus = focus
        self._shelf = shelf
        self._key = key

    def number(self, identity: str) -> str:
        """Give what is dialled for the pass of an id."""
        signature = int.from_bytes(hmac.digest(self._key, identity.encode(), sha256)) % 10**SIGNATURE
        return f"{identity}{signature:0{SIGNATURE}}"

    def is_signed(self, number: str) -> bool:
        """Whether a number of 24 digits is signed by this bridge."""
        return hmac.compare_digest(self.number(number[:DIGITS]), number)

    async def make_pass(
        self,
        session: str,
        by: Extension,
        *,
        role: str = "participant",
        name: str = "",
        expires_in_s: float = 86_400.0,
        one_use: bool = True,
        hidden: bool = False,
    ) -> PassRecord:
        """Make a pass into a conference; into the room of an extension it is good whenever that is open, or opens it.

        Raises
        ------
        NoSuchSession
        NotAllowed
            It is for a hidden listener, and there are none here.
        Overloaded
            The store is away.
        """
        if hidden:
            self._focus.check_hidden()
        room = _room_of(self._focus.conference(session).session)
        expires = datetime.now(UTC) + timedelta(seconds=expires_in_s)
        try:
            return await self._shelf.add(room, role, name, expires, by.id, one_use=one_use, hidden=hidden)
        except StoreUnavailable as error:
            raise Overloaded(str(error)) from error

    async def of_conference(self, session: str) -> list[PassRecord]:
        """List those into a conference, the oldest first; raises NoSuchSession, StoreUnavailable."""
        return await self._shelf.of_room(_room_of(self._focus.conference(session).session))

    async def revoke_pass(self, session: str, identity: str) -> None:
        """Let a pass open nothing any more; who came in by it stays. Raises NoSuchSession, NoSuchPass."""
        try:
            await self._shelf.revoke(identity, _room_of(self._focus.conference(session).session))
        except NoSuchRow:
            raise NoSuchPass(identity) from None

    async def find(self, secret: str) -> PassRecord | None:
        """Find the pass of a signed number; None: it is forgotten. Raises StoreUnavailable."""
        try:
            return await self._shelf.find(secret[:DIGITS])
        except NoSuchRow:
            return None

    async def use(self, found: PassRecord, now: datetime) -> bool:
        """Use a pass; False: somebody else has, or it is no longer valid. Raises StoreUnavailable."""
        return await self._shelf.use(found.id, now)

    async def give_back(self, found: PassRecord, used: datetime) -> None:
        """Have a pass as it was found that was used at that time for nothing; raises StoreUnavailable."""
        await self._shelf.give_back(found, used)

    def used(self, session: str, found: PassRecord) -> None:
        """Tell that somebody came in by a pass."""
        self._focus.feed.publish(EventType.PASS_USED, session, hidden=found.hidden, **{"pass": found.id})


def _room_of(session: TelephonySession) -> str:
    """Say what a pass into a conference is bound to: one by token ends with its session, other rooms open again."""
    return session.id if session.kind is RoomKind.TOKEN else session.extension_id or session.id
