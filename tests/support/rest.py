"""A client of the REST face as extension 101 of the development configuration: token first, then conferences."""

from types import TracebackType
from typing import Any, Self

import httpx

CLIENT = ("dev-client", "dev-secret")
SESSIONS = "/restapi/v1.0/account/~/telephony/sessions"


class Rest:
    """Answers are returned as parsed JSON; a status of 400 and above raises `httpx.HTTPStatusError`."""

    def __init__(self, http_url: str, extension: str = "101") -> None:
        self.http = httpx.Client(base_url=http_url, timeout=30.0)
        grant = {"grant_type": "password", "username": extension, "password": f"dev-{extension}"}
        answer = self.http.post("/restapi/oauth/token", data=grant, auth=CLIENT).raise_for_status()
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def conference(self) -> dict[str, Any]:
        """A new telephony session of origin Conference; its `voiceCallToken` is what phones call."""
        answer = self.http.post("/restapi/v1.0/account/~/telephony/conference").raise_for_status()
        session: dict[str, Any] = answer.json()["session"]
        return session

    def token(self) -> str:
        """The token of a new conference."""
        return str(self.conference()["voiceCallToken"])

    def session(self, session_id: str) -> dict[str, Any]:
        """The session with its parties."""
        answer: dict[str, Any] = self.http.get(f"{SESSIONS}/{session_id}").raise_for_status().json()
        return answer

    def parties(self, session_id: str) -> list[dict[str, Any]]:
        """The roster."""
        parties: list[dict[str, Any]] = self.session(session_id)["parties"]
        return parties

    def connected(self, session_id: str) -> int:
        """How many parties are in the conference now."""
        return sum(party["status"]["code"] == "Answered" for party in self.parties(session_id))

    def end(self, session_id: str) -> None:
        """End the conference for everybody."""
        self.http.delete(f"{SESSIONS}/{session_id}").raise_for_status()

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
