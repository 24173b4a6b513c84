"""The door of those who come by HTTP, before a focus whose calls and media are on paper."""

from pathlib import Path
from typing import Any

import msgspec

from softphone.config import DEV_PATH, ConferenceConfig, SipConfig, WebConfig, load
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.entrance.pass_gate import PassGate
from softphone.focus.entrance.web_door import WebDoor, WebJoined, WebWish
from softphone.focus.passes import Passes, signing_key
from softphone.store.passes import PassShelf
from softphone.store.values import Codes
from softphone.testing.bridge import PaperBridge, offer

HOST, GUEST = "111222333", "444555666"
ELSEWHERE = "198.51.100.7"


class WebBridge(PaperBridge):
    """A bridge whose user 101 has a host's and a participants' code."""

    def __init__(
        self,
        folder: Path,
        web: WebConfig | None = None,
        conference: ConferenceConfig | None = None,
        shelf: PassShelf | None = None,
        **sip: Any,
    ) -> None:
        config = load(DEV_PATH)
        config = msgspec.structs.replace(
            config,
            web=web or WebConfig(),
            conference=conference or config.conference,
            sip=msgspec.structs.replace(SipConfig(), **sip),
        )
        super().__init__(folder, config=config)
        self.ada, self.ben = (self.accounts.extensions[number] for number in ("101", "102"))
        self.accounts.put_codes(self.ada.id, Codes(HOST, GUEST))
        self.codes = CodeBook(self.accounts, config.conference, self.focus.context.clock)
        self.passes = Passes(self.focus, shelf, signing_key("secret")) if shelf is not None else None
        gate = PassGate(self.focus, self.accounts, self.codes, self.passes) if self.passes is not None else None
        self.door = WebDoor(self.focus, self.accounts, self.codes, gate, config)

    async def comes(self, to: str, **wish: Any) -> WebJoined:
        """Somebody joins by HTTP."""
        return await self.door.join(WebWish(**{"to": to, "offer": offer(), "host": ELSEWHERE, **wish}))
