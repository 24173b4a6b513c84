"""Objects of users in the store: sounds, webhooks and the invitations they sent."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, insert, update

from softphone.store import rows
from softphone.store.database import Database, WrongData
from softphone.store.errors import Conflict, NoSuchRow
from softphone.store.tables import INVITATIONS, SOUNDS, WEBHOOKS
from softphone.store.values import InvitationRecord, InvitationState, Page, SoundRecord, Webhook

__all__ = ["Shelf"]


class Shelf:
    """Things with an id that are put there and taken away again.

    Every method raises `StoreUnavailable` when the database is away.

    Parameters
    ----------
    database
        Where they are.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    async def sounds(self) -> list[SoundRecord]:
        """List the sounds, the oldest first."""
        async with self.database.read() as connection:
            return sorted(await rows.read(connection, SoundRecord, SOUNDS), key=lambda sound: sound.id)

    async def sound(self, sound_id: int) -> SoundRecord:
        """Find a sound.

        Raises
        ------
        NoSuchRow
        """
        return await rows.one(self.database, SoundRecord, SOUNDS, sound_id)

    async def add_sound(self, name: str, path: str, seconds: float) -> SoundRecord:
        """Note an uploaded sound file, which gets a new id."""
        created = datetime.now(UTC)
        adding = insert(SOUNDS).values(name=name, path=path, seconds=seconds, created=created)
        async with self.database.write() as connection:
            identity = (await connection.execute(adding.returning(SOUNDS.c.id))).scalar_one()
        return SoundRecord(identity, name, path, seconds, created)

    async def remove_sound(self, sound_id: int) -> None:
        """Forget a sound; its file is the caller's to remove.

        Raises
        ------
        NoSuchRow
        Conflict
            A conference extension plays it.
        """
        try:
            async with self.database.write() as connection:
                done = await connection.execute(delete(SOUNDS).where(SOUNDS.c.id == sound_id))
        except WrongData:
            raise Conflict("a conference extension plays this sound") from None
        if done.rowcount == 0:
            raise NoSuchRow("no such sound")

    async def webhooks(self) -> list[Webhook]:
        """List the webhooks, the oldest first."""
        async with self.database.read() as connection:
            return sorted(await rows.read(connection, Webhook, WEBHOOKS), key=lambda hook: (hook.created, hook.id))

    async def webhook(self, webhook_id: str) -> Webhook:
        """Find a webhook.

        Raises
        ------
        NoSuchRow
        """
        return await rows.one(self.database, Webhook, WEBHOOKS, webhook_id)

    async def add_webhook(self, url: str, secret: str, events: Sequence[str] = ()) -> Webhook:
        """Note whom to tell about events; none named means all."""
        hook = Webhook(secrets.token_hex(8), url, secret, tuple(events), datetime.now(UTC))
        async with self.database.write() as connection:
            await connection.execute(insert(WEBHOOKS).values(**rows.values_of(hook)))
        return hook

    async def set_webhook(self, webhook_id: str, url: str, secret: str, events: Sequence[str]) -> None:
        """Change a webhook.

        Raises
        ------
        NoSuchRow
        """
        changing = update(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id)
        async with self.database.write() as connection:
            done = await connection.execute(changing.values(url=url, secret=secret, events=tuple(events)))
        if done.rowcount == 0:
            raise NoSuchRow("no such webhook")

    async def remove_webhook(self, webhook_id: str) -> None:
        """Forget a webhook.

        Raises
        ------
        NoSuchRow
        """
        async with self.database.write() as connection:
            done = await connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id))
        if done.rowcount == 0:
            raise NoSuchRow("no such webhook")

    async def invitations(
        self, *, extension_id: str | None = None, after: str | None = None, limit: int = 100
    ) -> Page[InvitationRecord]:
        """List invitations, the newest first; the part is chosen as for `conferences`."""
        where = [] if extension_id is None else [INVITATIONS.c.extension_id == extension_id]
        return await rows.page(self.database, InvitationRecord, INVITATIONS, "created", where, after, limit)

    async def add_invitation(self, extension_id: str, recipient: str, channel: str) -> InvitationRecord:
        """Note that somebody is about to be invited to the room of an extension."""
        now = datetime.now(UTC)
        made = InvitationRecord(secrets.token_hex(8), extension_id, recipient, channel, "made", "", now, now)
        async with self.database.write() as connection:
            await connection.execute(insert(INVITATIONS).values(**rows.values_of(made)))
        return made

    async def set_invitation(self, invitation_id: str, state: InvitationState, error: str = "") -> None:
        """Note what became of an invitation.

        Raises
        ------
        NoSuchRow
        """
        values = {"state": state, "error": error, "changed": datetime.now(UTC)}
        async with self.database.write() as connection:
            done = await connection.execute(
                update(INVITATIONS).where(INVITATIONS.c.id == invitation_id).values(**values)
            )
        if done.rowcount == 0:
            raise NoSuchRow("no such invitation")
