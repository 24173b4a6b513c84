"""A bot that answers calls, asks for a PIN, and offers a menu.

softphone bot examples/pin_menu_bot.py:PinMenuBot --listen --user 104 --password dev-104 --registrar sip:127.0.0.1:5060
"""

import asyncio
import logging

import numpy as np
from numpy.typing import NDArray

from softphone import Bot, SipError, serve_bot

PIN = "1234"
TRIES = 3
OPERATOR = "sip:101@127.0.0.1:5060"


class PinMenuBot(Bot):
    """Behind the PIN: 1 says the tones of the menu again, 0 transfers to the operator, # hangs up."""

    pin = PIN
    operator = OPERATOR

    async def on_joined(self) -> None:
        """Ask, and end the call of whoever does not know it."""
        for _ in range(TRIES):
            await self.call.play(self.tone(660))  # here a real bot plays "please enter your PIN"
            if await self.call.read_keys(max=8, timeout=10, end="#") == self.pin:
                self.spawn(self.menu())
                return
        await self.call.hangup()

    async def menu(self) -> None:
        """Do what is chosen; what is typed while something is said waits."""
        await self.call.play(self.tone(880))
        while True:
            match await self.call.read_keys(max=1, end="#"):
                case "1":
                    await self.call.play(self.tone(880))
                case "0":
                    await self.transfer()
                case "":
                    await self.call.hangup()
                    return

    async def transfer(self) -> None:
        """Let the caller's telephone call the operator; when that fails the caller is still here."""
        try:
            await self.call.transfer(self.operator)
        except SipError:
            await self.call.play(self.tone(220))

    def tone(self, hz: float) -> NDArray[np.int16]:
        """300 ms of a tone, int16, shape (samples,)."""
        at = np.arange(round(0.3 * self.call.rate)) / self.call.rate
        wave: NDArray[np.int16] = np.rint(8000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)
        return wave


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(serve_bot(PinMenuBot, port=5070, on_ready=lambda agent: print("call", agent.contact)))
