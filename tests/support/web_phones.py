"""Web phones that nobody here wrote, in a browser: JsSIP, and RingCentral's two."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.support.chromium import PATIENCE_MS
from tests.support.rest import Rest

PHONES = Path(__file__).resolve().parents[1] / "peers" / "phones"
DO = """([deed, of, patience]) => Promise.race([
  phone[deed](...of).then(() => null),
  new Promise((_, failed) => setTimeout(() => failed(new Error(`${deed} is not done`)), patience)),
])"""


@cache
def installed() -> Path:
    """The telephones of the lock file, installed once for each of its versions."""
    lock = (PHONES / "package-lock.json").read_bytes()
    done = PHONES / "node_modules" / "complete"
    if not done.is_file() or done.read_bytes() != lock:
        command = [shutil.which("npm") or "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=PHONES, check=True, capture_output=True, timeout=170)
        done.write_bytes(lock)
    return PHONES


@cache
def bundled() -> str:
    """All of them as one script for a browser."""
    program = str(installed() / "node_modules" / ".bin" / "esbuild")
    command = [program, "browser.mjs", "--bundle", "--format=iife", "--log-level=error"]
    return subprocess.run(command, cwd=PHONES, check=True, capture_output=True, timeout=60, text=True).stdout


def provisioned(rest: Rest, transport: str) -> dict[str, Any]:
    """What a program is given for a telephone of the client's extension."""
    asked = {"sipInfo": [{"transport": transport}]}
    answer = rest.http.post("/restapi/v1.0/client-info/sip-provision", json=asked).raise_for_status()
    (info,) = answer.json()["sipInfo"]
    found: dict[str, Any] = info
    return found


class WebPhone:
    """One telephone in a page of its own; `kind` is "jssip", "first" (0.9.x) or "second" (2.x).

    Its commands are those of tests/peers/phones/browser.mjs.
    """

    def __init__(self, page: Page, kind: str, rest: Rest) -> None:
        self.page = page
        page.goto(str(rest.http.base_url.join("/healthz")))  # on this machine, so it may use what is
        page.evaluate("document.body.innerHTML = '<audio id=far muted autoplay>'")
        page.evaluate(bundled() + ";null")
        page.evaluate("(kind) => { window.phone = new phones[kind](); }", kind)
        self("start", provisioned(rest, "WSS"))

    def __call__(self, deed: str, /, *of: Any) -> None:
        """Have it do something, until that is done."""
        self.page.evaluate(DO, [deed, of, PATIENCE_MS])
