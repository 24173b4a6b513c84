"""A small client of the control API for the command line: log in, ask, and say in one line what went wrong."""

import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO

from softphone.errors import SoftphoneError

if TYPE_CHECKING:  # it takes a fifth of a second to import, and most commands ask no server
    import httpx

__all__ = ["ControlFailed", "Login", "Rest"]

# Longer than anything the server does before it answers.
TIMEOUT_S = 30.0


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
        import httpx

        self._server = server.rstrip("/")
        trusted = ssl.create_default_context()  # those of the system, an operator's own among them
        self._http = httpx.Client(timeout=TIMEOUT_S, follow_redirects=True, verify=trusted)
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
        with self._api(method, path, body, query) as answer:
            return answer.json() if answer.read() else None

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
        with self._api(method, path, body, query) as answer:
            return answer.read()

    def download(self, path: str, file: BinaryIO) -> None:
        """Copy an answer of any length into a file; raises ControlFailed, and OSError of the file."""
        with self._api("GET", path) as answer:
            for block in answer.iter_bytes():
                file.write(block)

    @contextmanager
    def _api(
        self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None
    ) -> "Iterator[httpx.Response]":
        headers = {"Authorization": f"Bearer {self._token}"}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        with self._answer(method, f"/api/v1{path}", headers=headers, json=body, params=query) as answer:
            yield answer

    def _log_in(self, login: Login) -> str:
        form = {"grant_type": "password", "username": login.user, "password": login.password}
        client = (login.client, login.secret)
        with self._answer("POST", "/restapi/oauth/token", data=form, auth=client) as answer:
            answer.read()
            return str(answer.json()["access_token"])

    @contextmanager
    def _answer(self, method: str, path: str, **request: Any) -> "Iterator[httpx.Response]":
        """Send a request; its answer, of which nothing but the head is read yet, is no error."""
        import httpx

        answer: httpx.Response | None = None
        try:
            with self._http.stream(method, self._server + path, **request) as answer:
                if answer.is_error:
                    answer.read()
                    raise ControlFailed(_reason(answer), answer.status_code)
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            what = "cannot be reached" if answer is None else "broke off"
            raise ControlFailed(f"{self._server} {what}: {error}") from None


def _reason(answer: "httpx.Response") -> str:
    """Give the words of an error answer."""
    try:
        return f"{answer.json()['message']} ({answer.status_code})"
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
