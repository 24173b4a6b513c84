"""Documents by URL from users of the API, fetched under the limits of webhooks: address, time, size."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

import httpx

from softphone.errors import ConfigError, SoftphoneError, UnresolvedName
from softphone.webhooks.asking import ask, connections
from softphone.webhooks.reach import Forbidden, Reach, Target

__all__ = ["Fetcher", "NotFetched"]

# Of a whole request, and of its answer.
TIMEOUT_S = 10.0
MOST_BYTES = 65_536

FORM = "application/x-www-form-urlencoded"


class NotFetched(SoftphoneError):
    """There is no such document, or it may not be asked for; the message says why."""


class Fetcher:
    """Asks for documents; no redirection is followed, and no proxy or cookie used.

    Parameters
    ----------
    reach
        The addresses that may be asked.
    timeout_s, most_bytes
        How long one may take, and how long it may be.
    """

    def __init__(self, reach: Reach, timeout_s: float = TIMEOUT_S, most_bytes: int = MOST_BYTES) -> None:
        self._reach, self._timeout_s, self._most_bytes = reach, timeout_s, most_bytes

    def check(self, url: str) -> None:
        """Refuse a URL that cannot be asked, without looking up its name; raises NotFetched."""
        try:
            self._reach.check(Target(url))
        except (ConfigError, Forbidden) as error:
            raise NotFetched(str(error)) from error

    async def fetch(self, url: str, method: str, form: Mapping[str, str], *, most_bytes: int | None = None) -> bytes:
        """Ask for a document.

        Parameters
        ----------
        method
            ``POST`` sends the form as the body, ``GET`` in the query.
        most_bytes
            How long it may be; None: as all others.

        Raises
        ------
        NotFetched
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask(Target(url), method, form, most_bytes or self._most_bytes)
        except TimeoutError:
            raise NotFetched(f"nothing came within {self._timeout_s:g} s") from None
        except (ConfigError, Forbidden, httpx.HTTPError, httpx.InvalidURL, UnresolvedName, OSError) as error:
            raise NotFetched(str(error) or type(error).__name__) from error

    async def _ask(self, target: Target, method: str, form: Mapping[str, str], most_bytes: int) -> bytes:
        fields, body = {"Accept": "*/*", "Accept-Encoding": "identity"}, b""
        if method == "GET":
            target = replace(target, url=str(httpx.URL(target.url).copy_merge_params(dict(form))))
        elif form:
            fields["Content-Type"], body = FORM, urlencode(form).encode()
        async with connections() as transport:
            return await self._read(await ask(transport, self._reach, target, method, fields, body), most_bytes)

    async def _read(self, answer: httpx.Response, most_bytes: int) -> bytes:
        if not 200 <= answer.status_code < 300:
            raise NotFetched(f"status {answer.status_code}")
        coding = answer.headers.get("Content-Encoding", "identity")
        if coding.lower() != "identity":
            # A few bytes may become as many gigabytes, and nothing but the whole text was asked for.
            raise NotFetched(f"it is encoded as {coding[:40]!r}")
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > most_bytes:
                raise NotFetched(f"it is longer than {most_bytes} bytes")
        return bytes(body)
