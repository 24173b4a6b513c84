"""Verification of a peer's address: the source of a message over UDP can be forged."""

from collections.abc import Callable

from softphone.sip.message.message import Request

__all__ = ["AddressProof"]


class AddressProof:
    """What shows that a peer is where its messages say: it has named our tag.

    Parameters
    ----------
    tag
        Our tag, which went to the peer's address only.
    shown
        Whether it is shown already: whom we have called was reached, since it has answered.

    Attributes
    ----------
    shown
        Whether it is shown.
    told
        Each is called once when it is.
    """

    def __init__(self, tag: str | None, *, shown: bool) -> None:
        self.shown = shown
        self.told: list[Callable[[], object]] = []
        self._tag = tag

    def note(self, request: Request) -> None:
        """Take a request of the peer: with our tag it is a proof."""
        if not self.shown and self._tag and request.to.tag == self._tag:
            self.shown = True
            for told in self.told:
                told()
