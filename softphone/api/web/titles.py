"""The title of a conference."""

from softphone.focus.session import TelephonySession
from softphone.store.accounts import Accounts

__all__ = ["title_of"]


def title_of(session: TelephonySession, accounts: Accounts) -> str:
    """Give what a conference is called."""
    extension = accounts.by_id(session.extension_id or session.owner_id or "")
    return session.name or (extension.name if extension is not None else "") or "Conference"
