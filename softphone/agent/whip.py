"""WHIP client (RFC 9725): one request with the offer, one to leave.

All of our candidates are in the offer, so nothing is trickled. The answer's status is told as SIP's are.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from softphone.address import is_loopback
from softphone.errors import AuthenticationFailed, BadMessage, CallRefused, SdpError, SipNetworkError, SipTimeout
from softphone.sip.message.fields import Address
from softphone.sip.message.uri import Uri
from softphone.sip.transport.tls import TlsContexts, TlsSettings

if TYPE_CHECKING:
    import httpx

__all__ = ["SCHEMES", "WhipCall", "WhipWish", "join"]

log = logging.getLogger(__name__)

SCHEMES = ("https://", "http://")
SDP = "application/sdp"
ANSWER_MAX = 60_000
REDIRECTS = 5
# Of what a server says for people.
WORDS_MAX = 200
LEAVE_S = 5.0


@dataclass(frozen=True)
class WhipWish:
    """A place that the application wants, see :meth:`softphone.Agent.join`."""

    target: Uri
    headers: Sequence[tuple[str, str]] = field(repr=False)
    timeout_s: float
    ca_file: str | Path | None

    @classmethod
    def of(
        cls,
        url: str,
        token: str | None,
        headers: Sequence[tuple[str, str]],
        timeout_s: float,
        ca_file: str | Path | None,
    ) -> "WhipWish":
        """Read what is wanted; raises BadMessage."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise BadMessage(f"{url!r} is no URL of a WHIP endpoint: {error}") from error
        if not url.lower().startswith(SCHEMES) or not host or parts.username is not None or parts.fragment:
            raise BadMessage(f"{url!r} is no URL of a WHIP endpoint: https://HOST/PATH")
        if token is not None:
            headers = (*headers, ("Authorization", f"Bearer {token}"))
        secret = any(name.lower() == "authorization" for name, _ in headers)
        if secret and parts.scheme != "https" and host != "localhost" and not is_loopback(host):
            raise BadMessage(f"a token is sent by https only, not to {parts.scheme}://{host}")
        return cls(Uri.parse(url), headers, timeout_s, ca_file)


class WhipCall:
    """A session of WHIP, in the place that a SIP call has in others.

    Attributes
    ----------
    direction, remote, remote_sdp
        Ours is always the offer; where it was posted, and the answer.
    on_ended
        Told once that it is over, and why.
    on_info, on_refer
        Never told anything.
    """

    direction = "out"

    def __init__(self, client: "httpx.AsyncClient", target: Uri, answer: str, leave: "httpx.Request | None") -> None:
        self.remote, self.remote_sdp = Address(target), answer
        self.on_ended: Callable[[str], object] | None = None
        self.on_info: object = None
        self.on_refer: object = None
        self._client, self._leave, self._over = client, leave, False

    async def bye(self, _headers: Sequence[tuple[str, str]] = ()) -> None:
        """Leave; again, there is nothing to do."""
        import httpx

        if self._over:
            return
        self._over = True
        if self.on_ended is not None:
            self.on_ended("hangup")
        try:
            if self._leave is not None:
                async with asyncio.timeout(LEAVE_S):
                    await self._client.send(self._leave)
        except (httpx.HTTPError, TimeoutError) as error:
            log.info("a session of WHIP was not ended by request, but by its media: %s", error or type(error).__name__)
        finally:
            await self._client.aclose()


async def join(wish: WhipWish, offer: str) -> WhipCall:
    """Post an offer.

    Raises
    ------
    CallRefused, SipTimeout, SipNetworkError, SdpError
        As :meth:`softphone.Agent.join`.
    """
    import httpx

    secure = str(wish.target).lower().startswith("https")
    tls = TlsContexts(TlsSettings(ca=str(wish.ca_file or ""))).client if secure else False
    client = httpx.AsyncClient(verify=tls, trust_env=False, timeout=None)
    try:
        async with asyncio.timeout(wish.timeout_s):
            return await _joined(client, wish, offer)
    except BaseException as error:
        await client.aclose()
        if isinstance(error, TimeoutError):
            raise SipTimeout(f"{wish.target} has not answered in {wish.timeout_s:g} s") from error
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL | ValueError):
            raise SipNetworkError(f"{wish.target} is not reached: {error or type(error).__name__}") from error
        raise


async def _joined(client: "httpx.AsyncClient", wish: WhipWish, offer: str) -> WhipCall:
    import httpx

    url, ours = httpx.URL(str(wish.target)), dict(wish.headers)
    for _ in range(REDIRECTS + 1):
        response, body = await _post(client, url, ours, offer)
        if response.status_code not in (307, 308) or "location" not in response.headers:
            return _answered(client, wish, response, body, ours)
        before, url = url, url.join(response.headers["location"])
        if url.scheme not in ("https", before.scheme):
            raise CallRefused(response.status_code, f"{before.host} redirects to {url.scheme}:")
        ours = ours if _origin(url) == _origin(before) else {}
    raise CallRefused(response.status_code, "redirected too often")


async def _post(
    client: "httpx.AsyncClient", url: "httpx.URL", ours: Mapping[str, str], offer: str
) -> tuple["httpx.Response", bytes]:
    """Give a response and its body, as far as it may be an answer."""
    headers = {**ours, "Content-Type": SDP, "Accept": SDP}
    response = await client.send(client.build_request("POST", url, content=offer, headers=headers), stream=True)
    body = b""
    try:
        async for part in response.aiter_bytes():
            body += part
            if len(body) > ANSWER_MAX:
                raise SdpError(f"{url.host} answers with more than {ANSWER_MAX} bytes")
    finally:
        await response.aclose()
    return response, body


def _answered(
    client: "httpx.AsyncClient", wish: WhipWish, response: "httpx.Response", body: bytes, ours: Mapping[str, str]
) -> WhipCall:
    """Make a call of a response; raises CallRefused, SdpError."""
    if response.status_code not in (200, 201):
        refusal = CallRefused(response.status_code, _words(body, response.reason_phrase))
        if refusal.status == 401:
            raise AuthenticationFailed(f"{wish.target} wants another token, or one at all: {refusal}", refusal)
        raise refusal
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != SDP:
        raise SdpError(f"{wish.target} answers with {kind or 'nothing'}, and not with {SDP}")
    return WhipCall(client, wish.target, body.decode(errors="replace"), _leave(client, response, ours))


def _leave(client: "httpx.AsyncClient", response: "httpx.Response", ours: Mapping[str, str]) -> "httpx.Request | None":
    """Make the request that ends a session (RFC 9725 section 4.2)."""
    if not (location := response.headers.get("location")):
        log.warning("%s gave no Location: its session ends with its media", response.url.host)
        return None
    where = response.url.join(location)
    same = _origin(where) == _origin(response.url)
    return client.build_request("DELETE", where, headers=ours if same else {})


def _origin(url: "httpx.URL") -> tuple[str, str, int | None]:
    """Give what has to be the same where the headers of the application go on (RFC 6454 section 4)."""
    return url.scheme, url.host, url.port


def _words(body: bytes, usual: str) -> str:
    """Give what a response says for people: a problem (RFC 9457), an error of ours, or plain text."""
    said = body.decode(errors="replace")
    try:
        found: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        found = said if not said.lstrip().startswith("<") else ""
    for name in ("error", "detail", "message", "title"):
        if isinstance(found, dict):
            found = found.get(name, found)
    text = found if isinstance(found, str) else ""
    return "".join(each if each.isprintable() else " " for each in text).strip()[:WORDS_MAX] or usual
