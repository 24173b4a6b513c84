"""Failures in the shape that the browser page reads: ``{"error": {"code", "message"}}``, the message for people."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict

from softphone.api.http.errors import ApiError, written_by
from softphone.errors import MediaError, NoCommonCodec, SdpError, SoftphoneError
from softphone.focus.errors import Overloaded
from softphone.focus.room.admission import NotAdmitted

__all__ = ["FAILURES", "no_such_party", "not_joined", "not_yours"]

# Why somebody is not let in: the status, the code, and what it is told.
WHY = {
    "wrong_code": (403, "wrong_code", "This code opens no conference here"),
    "code_needed": (403, "wrong_code", "This conference asks for a code"),
    "account_needed": (401, "login_needed", "Only who has logged in joins this way"),
    "locked": (403, "locked", "The conference is locked"),
    "banned": (403, "not_admitted", "The conference does not let you in"),
    "not_listed": (403, "not_admitted", "The conference does not let you in"),
    "full": (409, "full", "The conference is full"),
    "nobody_there": (409, "nobody_there", "Nobody is in the conference"),
    "unknown": (404, "not_found", "There is no such conference"),
    "ended": (410, "ended", "The conference is over"),
    "pass_used": (410, "ended", "This invitation was used already"),
    "pass_expired": (410, "ended", "This invitation is no longer valid"),
    "pass_revoked": (410, "ended", "This invitation was withdrawn"),
    "too_many_codes": (429, "too_many", "Too many wrong codes came from there: wait"),
    "too_many_there": (429, "too_many", "Too many have joined from there"),
}

# What others of our answers are called here, by their status.
CODES = {
    400: "bad_request",
    401: "login_needed",
    403: "not_allowed",
    404: "not_found",
    405: "bad_method",
    408: "too_slow",
    413: "too_large",
    415: "bad_type",
    429: "too_many",
    503: "busy",
}

TEXTS = {
    400: "`bad_request`, `bad_offer`: what was sent cannot be used; the message says what.",
    401: "`login_needed`: no valid access token, or key of a party; `wrong_login`: no such user, or not its password.",
    403: "`wrong_code`, `locked`, `not_admitted`.",
    404: "`not_found`: there is no such conference, or party.",
    406: "`no_common_codec`: nothing that was offered is spoken here.",
    408: "`too_slow`: the request took too long to arrive.",
    409: "`full`, `nobody_there`.",
    410: "`ended`: the conference is over; or the invitation is used, expired or revoked.",
    413: "`too_large`",
    415: "`bad_type`: another Content-Type or Content-Encoding than is taken.",
    429: "`too_many`: wrong codes, or parties, from that address; wait as Retry-After says.",
    503: "`busy`: no place is left, or the server stops; try again as Retry-After says.",
}

# Of what may soon be over.
WAIT_S = 5


class WebError(BaseModel):
    """What went wrong."""

    code: str
    message: str


class WebFailure(BaseModel):
    """An answer that is not the wished one."""

    model_config = ConfigDict(title="WebFailure")

    error: WebError


FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": WebFailure, "description": text} for status, text in TEXTS.items()
}


@written_by("/web/", "/whip/")
def written(error: ApiError) -> dict[str, Any]:
    """Write what went wrong; the codes that other contracts share are none here."""
    ours = error.code if error.code.islower() else CODES.get(error.status, "failed")
    return {"error": {"code": ours, "message": error.message}}


def no_such_party() -> ApiError:
    """Answer that there is no party of this id, or that it is another's."""
    return ApiError(404, "not_found", "There is no such party, or it is not yours")


def not_yours() -> ApiError:
    """Answer that the request bears no key, or another one than the party was made with."""
    return ApiError(401, "login_needed", "The key of the party is missing", headers=_headers(401))


def not_joined(error: SoftphoneError) -> ApiError:
    """Translate why somebody was not let in."""
    match error:
        case NotAdmitted(why=why, wait_s=wait_s):
            status, code, message = WHY[why]
            return ApiError(status, code, message, headers=_headers(status, wait_s))
        case NoCommonCodec():
            return ApiError(406, "no_common_codec", "Nothing that your client offers is spoken here")
        case SdpError():
            return ApiError(400, "bad_offer", f"The offer cannot be used: {error}")
        case Overloaded() | MediaError():
            return ApiError(503, "busy", "There is no place for one more", headers={"Retry-After": str(WAIT_S)})
    raise error


def _headers(status: int, wait_s: float = 0.0) -> dict[str, str]:
    match status:
        case 401:
            return {"WWW-Authenticate": 'Bearer realm="softphone"'}
        case 429:
            return {"Retry-After": str(max(math.ceil(wait_s), WAIT_S))}
    return {}
