"""What names a telephone of ours over its restarts (RFC 5626 section 4.1), so that a registrar knows it again."""

import contextlib
import fcntl
import os
import platform
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

from softphone.sip.message.fields import Address
from softphone.sip.message.uri import Uri

__all__ = ["Instance"]

MACHINE = Path("/etc/machine-id")
# Telephones of one user on one machine at a time; one more has a name that no restart finds again.
MOST = 1000


class Instance:
    """The name of one telephone of a user, ours until :meth:`release` or the end of the process.

    Two that are there at once, in one process or in several, never have one name: a registrar would take the later one
    for the earlier one. The first to ask has the first name, whatever folder it runs in, so that it has it again after
    a restart; a lock shows which names are taken, and the system gives it up even if the process is killed.
    """

    def __init__(self, aor: Uri, folder: Path | None = None) -> None:
        self._lock: int | None = None
        key = f"{_machine()} {platform.node()} {aor.user}@{aor.host.lower()}"
        names = (uuid.uuid5(uuid.NAMESPACE_URL, f"{key} {number}") for number in range(MOST))
        self.id = str(next((name for name in names if self._take(name, folder or _folder())), uuid.uuid4()))

    def on(self, contact: Address) -> Address:
        """Return a Contact that has this name."""
        return replace(contact, params={**contact.params, "+sip.instance": f'"<urn:uuid:{self.id}>"', "reg-id": "1"})

    def release(self) -> None:
        """Let another telephone have the name."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self, name: uuid.UUID, folder: Path) -> bool:
        """Whether nobody has it; from now on we have."""
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / f"{name}.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                return False
            self._lock = lock
        return self._lock is not None


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"softphone-{os.getuid()}"


def _machine() -> str:
    with contextlib.suppress(OSError):
        if said := MACHINE.read_text().strip():
            return said
    return f"{uuid.getnode():x}"
