"""The Target-Dialog header (RFC 4538)."""

from softphone.sip.dialog.dialog import DialogId
from softphone.sip.message.grammar import parse_params
from softphone.sip.message.message import Request

__all__ = ["target_dialog"]


def target_dialog(request: Request) -> tuple[DialogId, ...]:
    """Give what the dialog that a request names may be named here; none: it names none, or not one.

    Senders disagree from whose end the tags are told; they are random, so either way means one dialog.
    """
    values = request.get_all("Target-Dialog")
    if len(values) != 1:
        return ()
    call_id, *pieces = (piece.strip() for piece in values[0].split(";"))
    params = parse_params(pieces, lenient=True)
    local, remote = params.get("local-tag"), params.get("remote-tag")
    if not call_id or not local or not remote:
        return ()
    return DialogId(call_id, local, remote), DialogId(call_id, remote, local)
