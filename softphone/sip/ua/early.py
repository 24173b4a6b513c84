"""The dialogs that 1xx responses with a tag begin (RFC 3261 section 12.1): one for each telephone of a fork that rings.

Nothing is sent in them; what their peers ask before anybody has answered is.
"""

from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.body import sdp_of
from softphone.sip.message.message import Request, Response, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.methods import refuse_info
from softphone.sip.ua.node import Node

__all__ = ["EarlyDialog"]


class EarlyDialog:
    """The dialog of one telephone that rings.

    Attributes
    ----------
    sdp
        Its latest description; None: none yet.
    """

    def __init__(self, node: Node, sent: Request, provisional: Response) -> None:
        self._node = node
        self.dialog = Dialog.from_response(sent, provisional)
        self.sdp = sdp_of(provisional)

    def progressed(self, provisional: Response) -> None:
        """Take another 1xx of the same telephone."""
        self.dialog.refresh(provisional)
        self.sdp = sdp_of(provisional) or self.sdp

    def confirmed(self, sent: Request, answer: Response) -> Dialog:
        """Make the dialog of its 2xx, which says anew by which way requests go (RFC 3261 section 13.2.2.4)."""
        dialog = Dialog.from_response(sent, answer)
        dialog.local_seq, dialog.remote_seq = self.dialog.local_seq, self.dialog.remote_seq
        if answer.contact is None:
            dialog.remote_target = self.dialog.remote_target
        return dialog

    def receive(self, key: str, request: Request, source: Hop) -> bool:
        """Answer a request of the dialog; False if it is not one of a call's."""
        if not self.dialog.in_order(request):
            self._node.respond(key, response(request, 500, "CSeq Out Of Order"))
            return True
        match request.method:
            case "INVITE":
                answer = response(request, 491)  # ours is not answered yet (RFC 3261 section 14.2)
            case "UPDATE":
                answer = self._updated(request)
            case "INFO":
                answer = refuse_info(request) or response(request, 200)
            case "BYE":
                answer = response(request, 200)  # it will not be the one to answer
            case _:
                return False
        self._node.respond(key, answer)
        return True

    def cancelled(self, key: str) -> None:
        """Take the CANCEL of an INVITE, which has been answered already."""

    def _updated(self, request: Request) -> Response:
        if sdp_of(request) is not None:
            return response(request, 491)  # our offer has no answer yet (RFC 3311 section 5.2)
        self.dialog.refresh(request)
        return response(request, 200, contact=self.dialog.contact)
