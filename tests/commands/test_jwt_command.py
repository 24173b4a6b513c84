"""``softphone jwt``: what it prints logs a user in."""

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from softphone.api.auth.assertions import Assertions
from softphone.cli import app
from softphone.config import load
from softphone.secrets import complete

DEV = "config/dev.toml"
GENERAL = "config/softphone.toml"


def test_a_token_of_a_user() -> None:
    done = CliRunner().invoke(app, ["jwt", "102", "--config", DEV, "--client", "dev-client", "--days", "1"])
    said = Assertions("dev-token-secret", "1").check(done.stdout.strip(), time.time())
    assert (done.exit_code, said.extension_id, said.client_id) == (0, "100102", "dev-client")


def test_the_secret_of_the_data_folder_signs(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["jwt", "101", "--config", GENERAL, "--data", str(tmp_path)])
    whole, made = complete(load(Path(GENERAL)), tmp_path)
    # The server that starts later uses what was made here.
    assert made is None and len(whole.token.secret) >= 32
    assert Assertions(whole.token.secret, "1").check(done.stdout.strip(), time.time()).extension_id == "100101"


@pytest.mark.parametrize("number", ["999", "201", ""])
def test_who_is_no_user_gets_none(number: str) -> None:
    done = CliRunner().invoke(app, ["jwt", number, "--config", DEV])
    assert done.exit_code == 2 and "has no user" in done.stderr and not done.stdout
