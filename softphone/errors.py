"""All exceptions outside the mixer, as one tree.

::

    SoftphoneError
    ├── ConfigError            our mistake: a setting; the message names the key and the value
    ├── AudioError             our mistake: an audio file, array or sound card that cannot be used
    │   └── WriteQueueFull         a call was given more to say than may wait
    ├── SipError
    │   ├── BadMessage         the peer's mistake: not a SIP message we can use
    │   ├── CallRefused        the peer's answer: a final response of 300 or above
    │   │   └── AuthenticationFailed   our user name and password are wrong, missing, or not for who asks
    │   ├── CallEnded          the call was over before the operation was
    │   ├── SipTimeout         nobody answered (RFC 3261 timers B, F, H)
    │   └── SipNetworkError    the message could not be sent
    ├── UnresolvedName         a host name that has no address, or none in time
    ├── SdpError               the peer's mistake: not a session description we can use
    │   ├── NoCommonCodec      nothing both sides can speak (answered with 488)
    │   └── OwnAddress         it names an address of ours (answered with 488)
    ├── MediaError             the media worker refused or could not do it
    │   ├── NoSuchLeg          the leg or room is not (or no longer) there
    │   ├── MediaFull          no row or port is left
    │   ├── OtherWorker        the leg and the room are on different workers
    │   └── WorkerGone         the worker process died
    └── LibraryError           the recording cannot be had
        ├── NoSuchRecording    it, or a file of it, is not (or no longer) there
        └── RecordingRunning   it is not finished
"""

from collections.abc import Sequence

from softphone.phrases import phrase

__all__ = [
    "AudioError",
    "AuthenticationFailed",
    "BadMessage",
    "CallEnded",
    "CallRefused",
    "ConfigError",
    "LibraryError",
    "MediaError",
    "MediaFull",
    "NoCommonCodec",
    "NoSuchLeg",
    "NoSuchRecording",
    "OtherWorker",
    "OwnAddress",
    "RecordingRunning",
    "SdpError",
    "SipError",
    "SipNetworkError",
    "SipTimeout",
    "SoftphoneError",
    "UnresolvedName",
    "WorkerGone",
    "WriteQueueFull",
]


class SoftphoneError(Exception):
    """The root: catch it to catch everything that this package raises on purpose."""


class ConfigError(SoftphoneError):
    """A setting is missing or wrong; the message names the key and the value."""


class AudioError(SoftphoneError):
    """An audio file, array or sound card cannot be used; the message names it and what to do."""


class WriteQueueFull(AudioError):
    """A call was given more to say than may wait; nothing of it was taken.

    Parameters
    ----------
    seconds
        The length of what was given.
    queued_s, ahead_s
        How much waits, and how much may.
    """

    def __init__(self, seconds: float, queued_s: float, ahead_s: float) -> None:
        super().__init__(
            f"{seconds:.2f} s do not fit: {queued_s:.2f} s wait to be said already, and write_ahead_s is {ahead_s:g}"
        )
        self.seconds, self.queued_s, self.ahead_s = seconds, queued_s, ahead_s


class SipError(SoftphoneError):
    """Signalling failed."""


class BadMessage(SipError):
    """The bytes are not a SIP message that we can use.

    Parameters
    ----------
    reason
        What is wrong, in words fit for a reason phrase.
    status
        The answer that the sender deserves (RFC 3261 section 21.4), when there is enough of a request to answer.
    subject
        What it is wrong with, for whoever reads the error; never part of an answer.
    """

    def __init__(self, reason: str, status: int = 400, subject: str | None = None) -> None:
        super().__init__(reason if subject is None else f"{reason}: {subject!r}")
        self.reason = reason
        self.status = status


class CallRefused(SipError):
    """The other side answered with a final response of 300 or above, or we are going to.

    Parameters
    ----------
    status
        The status code (RFC 3261 section 21).
    reason
        The reason phrase; empty: the standard one of `status`.
    contacts
        The URIs of its Contact, best first: of a 3xx, where the callee is to be called instead (section 8.1.3.4).
    realms
        Of a 401 or 407, who asks for a password (section 22.1).
    headers
        Of a refusal of ours: the header fields that the answer needs, such as a challenge or Retry-After.
    """

    def __init__(
        self,
        status: int,
        reason: str = "",
        *,
        contacts: Sequence[str] = (),
        realms: Sequence[str] = (),
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        reason = reason or phrase(status)
        where = f", to {', '.join(contacts)}" if contacts and 300 <= status < 400 else ""
        super().__init__(f"{status} {reason}{where}")
        self.status = status
        self.reason = reason
        self.contacts = tuple(contacts)
        self.realms = tuple(realms)
        self.headers = tuple(headers)


class AuthenticationFailed(CallRefused):
    """Whom we asked wants a user name and password, and had none from us, or other ones; parameters as of the base."""

    def __init__(self, message: str, refusal: CallRefused) -> None:
        super().__init__(refusal.status, refusal.reason, contacts=refusal.contacts, realms=refusal.realms)
        self.args = (message,)


class CallEnded(SipError):
    """The call was over before the operation was."""


class SipTimeout(SipError):
    """Nobody answered in time (RFC 3261 section 17, timers B, F and H)."""


class SipNetworkError(SipError):
    """The message could not be sent."""


class UnresolvedName(SoftphoneError):
    """A host name has no IPv4 address that could be found out in time."""


class SdpError(SoftphoneError):
    """The text is not a session description that we can use (RFC 8866)."""


class NoCommonCodec(SdpError):
    """The offer holds no codec that we speak (RFC 3264 section 6; answered with 488)."""


class OwnAddress(SdpError):
    """The description wants media sent to where we take it ourselves (answered with 488)."""


class MediaError(SoftphoneError):
    """The media worker refused or could not do it."""


class NoSuchLeg(MediaError):
    """The leg or room is not, or no longer, there."""


class MediaFull(MediaError):
    """No row, room or port is left."""


class OtherWorker(MediaError):
    """The leg and the room are on different workers: the leg has to move before it can join."""


class WorkerGone(MediaError):
    """The worker process died."""


class LibraryError(SoftphoneError):
    """A finished recording cannot be had, or not yet."""


class NoSuchRecording(LibraryError):
    """The recording, or the file of it, is not, or no longer, there."""


class RecordingRunning(LibraryError):
    """The recording is still being made.

    Parameters
    ----------
    id
        Which.
    """

    def __init__(self, id: str) -> None:
        super().__init__(f"The recording {id} is still being made; stop it first")
