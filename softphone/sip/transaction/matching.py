"""Matching of messages to transactions (RFC 3261 sections 17.1.3 and 17.2.3), with ACK and CANCEL."""

from softphone.sip.message.message import Headers, Request, Response
from softphone.sip.transaction.machine import Input

__all__ = ["client_key", "is_answer", "rank", "server_key", "sibling"]


def client_key(branch: str | None, method: str) -> str:
    """Key of a request of ours: its branch, and its method because a CANCEL shares the branch (section 17.1.3)."""
    return f"{branch}/{method}"


def server_key(request: Request, method: str) -> str:
    """Key of a request that came, or of the one with another `method` that it goes with (ACK, CANCEL -> INVITE).

    Beyond the RFC's branch, sent-by and method it takes Call-ID and CSeq in, which ACK and CANCEL share with their
    INVITE: there are phones that use one branch for all their requests. Without the cookie of RFC 3261 the rules of
    RFC 2543 hold: Request-URI, From tag, Call-ID, CSeq and top Via.
    """
    via = request.via
    common = f"{request.call_id}|{request.cseq.number}|{method}"
    if via.branch is not None:
        return f"{via.branch}|{via.sent_by}|{common}"
    return f"{request.uri}|{request.from_.tag}|{via}|{common}"


def is_answer(request: Request, response: Response) -> bool:
    """Whether a response that carries our branch answers this request: the same CSeq number, and no Via but ours.

    With another Via it came by a mistake of somebody between (RFC 3261 section 8.1.3.3).
    """
    return response.cseq.number == request.cseq.number and len(response.vias) == 1


def rank(response: Response) -> Input:
    """Return what a response is to a transaction: provisional, success or failure."""
    if response.status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if response.status < 300 else Input.FAILURE


def sibling(request: Request, method: str, to: str, headers: Headers = ()) -> Request:
    """Make the CANCEL of a request (RFC 3261 section 9.1), or the ACK for its refusal (section 17.1.1.3).

    `to` is the To header as text: the request's own for a CANCEL, the response's for an ACK.
    """
    made = Request(method, request.uri)
    made.set("Via", str(request.via))
    made.set("From", *request.get_all("From"))
    made.set("To", to)
    made.set(request.spelled("Call-ID"), request.call_id)
    made.set("CSeq", f"{request.cseq.number} {method}")
    made.set("Max-Forwards", "70")
    made.set("Route", *request.get_all("Route"))
    for name, value in headers:
        made.set(name, value)
    return made
