"""An echo with one second of delay, by WebSocket: ``python stream_client.py URL KEY``.

URL and KEY are in the response to ``POST /api/v1/conferences/{id}/streams`` with ``{"says": true}``.
"""

import asyncio
import json
import sys
from collections import deque
from contextlib import suppress

import websockets


async def talk(url: str, key: str) -> str:
    """Echo until the stream ends; return the reason."""
    late: deque[bytes] = deque()  # L16, little-endian, 20 ms each
    async with websockets.connect(url, additional_headers={"Authorization": f"Bearer {key}"}) as stream:
        print(await stream.recv())  # {"event": "start", ...}
        async for message in stream:
            if isinstance(message, str):
                return str(json.loads(message)["stop"]["reason"])
            late.append(message)
            if len(late) > 50:
                with suppress(websockets.ConnectionClosed):  # the next message has the reason
                    await stream.send(late.popleft())
    return "gone"


if __name__ == "__main__":
    print(asyncio.run(talk(*sys.argv[1:])))
