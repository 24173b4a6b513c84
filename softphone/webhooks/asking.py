"""HTTP requests to checked addresses, whatever the host name resolves to later."""

import ssl
from collections.abc import Mapping
from functools import cache

import httpx

from softphone.webhooks.reach import Reach, Target

__all__ = ["ask", "connections"]

# A kept connection may be closed by the receiver just when the next request is sent; none is kept.
LIMITS = httpx.Limits(max_keepalive_connections=0)


def connections() -> httpx.AsyncHTTPTransport:
    """Make what opens connections: no redirections, cookies or proxies, certificates by the system's."""
    return httpx.AsyncHTTPTransport(verify=_certificates(), trust_env=False, limits=LIMITS)


@cache
def _certificates() -> ssl.SSLContext:
    """Give those of the system, which are read once: that takes as long as some ticks."""
    return ssl.create_default_context()


async def ask(
    transport: httpx.AsyncHTTPTransport,
    reach: Reach,
    target: Target,
    method: str,
    fields: Mapping[str, str],
    body: bytes = b"",
) -> httpx.Response:
    """Send a request to the first address of a receiver that takes the connection.

    Parameters
    ----------
    transport
        Of :func:`connections`.
    reach
        The addresses that may be asked.
    fields
        Headers, besides those of every request.

    Returns
    -------
    httpx.Response
        Its body is not read yet, and it is to be closed.

    Raises
    ------
    Forbidden, UnresolvedName
        It has an address that may not be asked, or none.
    httpx.HTTPError
        Nobody takes a connection, or there was no answer.
    """
    refusal: httpx.TransportError | None = None
    for address in await reach.addresses(target):
        try:
            return await transport.handle_async_request(_request(target, address, method, fields, body))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            refusal = error
    raise refusal or httpx.ConnectError("no address")


def _request(target: Target, address: str, method: str, fields: Mapping[str, str], body: bytes) -> httpx.Request:
    """Give the request, to an address; name and certificate of the receiver are those of its URL."""
    url = httpx.URL(target.url)
    every = {"Host": url.netloc.decode("ascii"), "User-Agent": "softphone", "Connection": "close"}
    return httpx.Request(
        method,
        url.copy_with(host=address),
        headers={**every, **fields},
        content=body,
        extensions={"sni_hostname": target.host},
    )
