"""What lasts of a client of the event gateway while its connections come and go. Values, with the time as an argument.

A session begins with a connection. Each of its messages has a number, which rises. When the connection is lost, what
happens meanwhile is kept for a while: who comes back in time with the session's token (``wsc``) goes on. What was sent
and is not known to have arrived is sent again, with a new number and its old ``uuid``.
"""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from softphone.api.ringcentral import envelopes

__all__ = ["ABSOLUTE_S", "BUFFER", "IDLE_S", "MOST_REQUESTS", "MOST_SESSIONS", "QUEUE", "RECOVERY_S", "GatewaySession"]

# Of what happens without a connection so much is kept, and so long.
BUFFER = 100
RECOVERY_S = 180
# A client that says nothing for so long is let go, and every client after a day.
IDLE_S = 1800
ABSOLUTE_S = 86_400
# Requests of a connection at the same time, and sessions of one log-in.
MOST_REQUESTS = 10
MOST_SESSIONS = 50
# Messages that wait to be sent; a client that reads so slowly is let go.
QUEUE = 500


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification."""

    id: str
    body: Mapping[str, Any]


class GatewaySession:
    """A client's session.

    Parameters
    ----------
    extension_id, login
        Whose it is, and the log-in that it came from.
    now
        Monotonic seconds, here as everywhere.

    Attributes
    ----------
    token
        By which it is gone on with.
    """

    def __init__(self, extension_id: str, login: str, now: float) -> None:
        self.token = secrets.token_urlsafe(24)
        self.extension_id, self.login = extension_id, login
        self._began = self._heard = now
        self._lost_at: float | None = None
        self._sequence = 0
        self._waiting: deque[Notice | str] = deque()
        # With the time at which it was sent.
        self._sent: deque[tuple[float, Notice]] = deque(maxlen=BUFFER)
        self._spilled = False

    @property
    def connected(self) -> bool:
        """Whether a connection is there."""
        return self._lost_at is None

    @property
    def waiting(self) -> int:
        """How many messages wait to be sent."""
        return len(self._waiting)

    def tell(self, id: str, body: Mapping[str, Any]) -> bool:
        """Have a notification sent; False: too many wait already, and the connection is to be closed."""
        if self.waiting >= (QUEUE if self.connected else BUFFER):
            self._spilled = True
            return False
        self._waiting.append(Notice(id, body))
        return True

    def say(self, text: str) -> bool:
        """Have a message sent that is of this connection only; False as above."""
        if self.waiting >= QUEUE:
            return False
        self._waiting.append(text)
        return True

    def answer(self, message_id: str, status: int, headers: Mapping[str, str], body: object = None) -> bool:
        """Have the answer to a request sent; False as above."""
        return self.say(envelopes.answer(message_id, status, headers, self._wsc(), body))

    def next(self, now: float) -> str | None:
        """Give the next message that is to be sent."""
        if not self._waiting:
            return None
        message = self._waiting.popleft()
        if isinstance(message, str):
            return message
        self._sent.append((now, message))
        return envelopes.notification(message.id, self._wsc(), message.body)

    def _wsc(self) -> dict[str, Any]:
        self._sequence += 1
        return {"token": self.token, "sequence": self._sequence}

    def details(self, now: datetime, recovered: bool | None = None) -> str:
        """Write what a client is told first.

        Parameters
        ----------
        now
            The time of day.
        recovered
            Whether the session goes on; None: that was not asked for.
        """
        state = {} if recovered is None else {"recoveryState": "Successful" if recovered else "Failed"}
        body = {
            "creationTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "maxConnectionsPerSession": MOST_SESSIONS,
            "recoveryBufferSize": BUFFER,
            "recoveryTimeout": RECOVERY_S,
            "idleTimeout": IDLE_S,
            "absoluteTimeout": ABSOLUTE_S,
            "maxActiveRequests": MOST_REQUESTS,
        }
        return envelopes.details(secrets.token_hex(8), self._wsc(), body | state)

    def heard(self, now: float) -> None:
        """Note that the client has said something."""
        self._heard = now

    def lose(self, now: float, arrived_until: float) -> None:
        """Note that the connection is gone.

        Parameters
        ----------
        arrived_until
            What was sent before that time has arrived.
        """
        again = [told for at, told in self._sent if at >= arrived_until]
        kept = [message for message in self._waiting if isinstance(message, Notice)]
        self._spilled = self._spilled or len(again) + len(kept) > BUFFER
        self._waiting = deque([*again, *kept])
        self._sent.clear()
        self._lost_at = now

    def recover(self, now: float) -> bool:
        """Go on with another connection, where nothing is missing."""
        if self._spilled or self.over(now):
            return False
        self._lost_at, self._heard = None, now
        return True

    def over(self, now: float) -> bool:
        """Whether it has lasted long enough, or its client has been away too long."""
        if now >= self._began + ABSOLUTE_S:
            return True
        return self._lost_at is not None and now >= self._lost_at + RECOVERY_S

    def silent(self, now: float) -> bool:
        """Whether its client has said nothing for too long."""
        return now >= self._heard + IDLE_S

    def patience_s(self, now: float) -> float:
        """Give how long nothing can be decided by time alone."""
        if self._lost_at is not None:
            return max(self._lost_at + RECOVERY_S - now, 0.0)
        return max(min(self._heard + IDLE_S, self._began + ABSOLUTE_S) - now, 0.0)
