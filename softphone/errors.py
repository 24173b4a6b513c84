"""What can go wrong outside the mixer, as one tree.

::

    SoftphoneError
    ├── ConfigError            our mistake: a setting; the message names the key and the value
    ├── AudioError             our mistake: an audio file or sound card that cannot be used
    ├── SipError
    │   ├── BadMessage         the peer's mistake: not a SIP message we can use
    │   ├── CallRefused        the peer's answer: a final response of 300 or above
    │   ├── CallEnded          the call was over before the operation was
    │   ├── SipTimeout         nobody answered (RFC 3261 timers B, F, H)
    │   └── SipNetworkError    the message could not be sent
    ├── SdpError               the peer's mistake: not a session description we can use
    │   └── NoCommonCodec      nothing both sides can speak (answered with 488)
    ├── MediaError             the media worker refused or could not do it
    │   ├── NoSuchLeg          the leg or room is not (or no longer) there
    │   ├── MediaFull          no row or port is left
    │   ├── OtherWorker        the leg and the room are on different workers
    │   └── WorkerGone         the worker process died
    └── LibraryError           the recording cannot be had
        ├── NoSuchRecording    it, or a file of it, is not (or no longer) there
        └── RecordingRunning   it is not finished
"""

__all__ = [
    "AudioError",
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
    "RecordingRunning",
    "SdpError",
    "SipError",
    "SipNetworkError",
    "SipTimeout",
    "SoftphoneError",
    "WorkerGone",
]


class SoftphoneError(Exception):
    """The root: catch it to catch everything that this package raises on purpose."""


class ConfigError(SoftphoneError):
    """A setting is missing or wrong; the message names the key and the value."""


class AudioError(SoftphoneError):
    """An audio file or sound card cannot be used; the message names it and what to do."""


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
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class CallRefused(SipError):
    """The other side answered with a final response of 300 or above.

    Parameters
    ----------
    status
        The status code (RFC 3261 section 21).
    reason
        The reason phrase.
    """

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(f"{status} {reason}".rstrip())
        self.status = status
        self.reason = reason


class CallEnded(SipError):
    """The call was over before the operation was."""


class SipTimeout(SipError):
    """Nobody answered in time (RFC 3261 section 17, timers B, F and H)."""


class SipNetworkError(SipError):
    """The message could not be sent."""


class SdpError(SoftphoneError):
    """The text is not a session description that we can use (RFC 8866)."""


class NoCommonCodec(SdpError):
    """The offer holds no codec that we speak (RFC 3264 section 6; answered with 488)."""


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
