"""A small client of the control API for the command line: log in, ask, and say in one line what went wrong."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any, BinaryIO

from softphone.errors import SoftphoneError

__all__ = ["ControlFailed", "Login", "Rest"]

# Longer than anything the server does before it answers.
TIMEOUT_S = 30.0
BLOCK_BYTES = 2**16


class ControlFailed(SoftphoneError):
    """The server refused, or cannot be reached.

    Parameters
    ----------
    message
        In one line.
    status
        Of the server's answer; 0: there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks: a token, or else what gets one."""

    token: str = ""
    user: str = ""
    password: str = ""
    client: str = ""
    secret: str = ""


class Rest:
    """A server, logged in to.

    Parameters
    ----------
    server
        Its URL.
    login
        Who asks.

    Raises
    ------
    ControlFailed
        The log-in failed, or the server cannot be reached.
    """

    def __init__(self, server: str, login: Login) -> None:
        self._server = server.rstrip("/")
        self._token = login.token or self._log_in(login)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request below ``/api/v1`` and give the JSON of its answer; None when there is none.

        Raises
        ------
        ControlFailed
            The server refused, or cannot be reached.
        """
        content = self.fetch(method, path, body, query=query)
        return json.loads(content) if content else None

    def all(self, path: str, name: str) -> dict[str, Any]:
        """Give the JSON of a list, with all of its parts in the member `name`; raises ControlFailed."""
        whole: dict[str, Any] = self.ask("GET", path)
        while (mark := whole.pop("next", None)) is not None:
            part = self.ask("GET", path, query={"after": mark})
            whole[name] += part[name]
            whole |= {"next": part.get("next")} if part.get("next") else {}
        return whole

    def find(self, path: str) -> Any:
        """Give the JSON of what may not be there: None where the server says so (404); raises ControlFailed."""
        try:
            return self.ask("GET", path)
        except ControlFailed as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None

    def fetch(self, method: str, path: str, body: object = None, *, query: Mapping[str, str] | None = None) -> bytes:
        """Send a request below ``/api/v1`` and give its answer as it is; raises ControlFailed."""
        with self._open(self._request(method, path, body, query)) as answer:
            content: bytes = answer.read()
            return content

    def download(self, path: str, file: BinaryIO) -> None:
        """Copy an answer of any length into a file; raises ControlFailed, and OSError of the file."""
        with self._open(self._request("GET", path)) as answer:
            while block := self._read(answer):
                file.write(block)
            if answer.length:
                raise ControlFailed(f"{self._server} broke off {answer.length} bytes before the end")

    def _read(self, answer: HTTPResponse) -> bytes:
        try:
            return answer.read(BLOCK_BYTES)
        except (OSError, HTTPException) as error:
            raise ControlFailed(f"{self._server} broke off: {error}") from None

    def _request(
        self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None
    ) -> urllib.request.Request:
        url = f"{self._server}/api/v1{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self._token}", "User-Agent": "softphone-cli"}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        return urllib.request.Request(url, data, headers, method=method)

    def _log_in(self, login: Login) -> str:
        form = {"grant_type": "password", "username": login.user, "password": login.password}
        basic = base64.b64encode(f"{login.client}:{login.secret}".encode()).decode()
        request = urllib.request.Request(
            f"{self._server}/restapi/oauth/token",
            urllib.parse.urlencode(form).encode(),
            {"Authorization": f"Basic {basic}"},
        )
        with self._open(request) as answer:
            return str(json.loads(answer.read())["access_token"])

    def _open(self, request: urllib.request.Request) -> HTTPResponse:
        try:
            answer: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S)
            return answer
        except urllib.error.HTTPError as error:
            with error:
                raise ControlFailed(_reason(error), error.code) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ControlFailed(f"{self._server} cannot be reached: {reason}") from None


def _reason(error: urllib.error.HTTPError) -> str:
    """Give the words of an error answer."""
    try:
        return f"{json.loads(error.read())['message']} ({error.code})"
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}"
