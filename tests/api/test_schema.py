"""Everything that /openapi.json describes is asked with what it allows: no 5xx, no answer that it does not describe."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.processes import ServerProcess
from tests.support.rest import Rest

# The stream of events has no end, and no program makes up descriptions of media; both have tests of their own.
APART = ("/api/v1/events", "/whip/{to}", "/whip/sessions/{session}")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SECONDS = 60


@pytest.mark.timeout(400)
def test_the_api_answers_as_described(server: ServerProcess, rest: Rest, tmp_path: Path) -> None:
    session = rest.http.post("/api/v1/conferences").json()["id"]
    config = tmp_path / "schemathesis.toml"
    # What is asked below a conference is asked of one that is there.
    config.write_text(
        f'[parameters]\n"path.telephonySessionId" = "{session}"\n"path.accountId" = "~"\n'
        '[[operations]]\ninclude-path-regex = "^/api/v1/conferences/.id./"\n'
        f'parameters = {{ "path.id" = "{session}" }}\n'
    )
    command = [
        *(Path(sys.executable).parent / "schemathesis", "--config-file", config, "run"),
        *(f"{server.http_url}/openapi.json", "--url", server.http_url, "--checks", CHECKS),
        *(word for path in APART for word in ("--exclude-path", path)),
        *("-H", f"Authorization: {rest.http.headers['Authorization']}", "--max-examples", "15", "--seed", "1"),
        *("--max-time", str(SECONDS), "--no-color", "--request-timeout", "60"),
    ]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]
    assert server.running


def test_all_is_described(rest: Rest) -> None:
    described = rest.http.get("/openapi.json").json()
    operations = {
        (method, path): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/api/")
    }
    assert len(operations) >= 40
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(ids) == len(set(ids))
    for (method, path), operation in operations.items():
        assert "401" in operation["responses"], path
        if method != "get" and path.startswith("/api/v1"):
            assert {"403", "404", "422"} <= operation["responses"].keys(), path
            assert "Idempotency-Key" in {each["name"] for each in operation["parameters"]}, path
    assert rest.http.get("/docs").status_code == httpx.codes.OK
