"""The files of the browser page, as they are served."""

import re
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest

from softphone.api.app import create_app
from softphone.api.web.pages import web_files
from softphone.config import WebConfig
from softphone.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What in a file asks for another one: attributes of HTML, imports of scripts, addresses in styles.
WANTED = re.compile(r"""(?:src|href)="([^"#][^"]*)"|from "([^"]+)"|url\(([^)]+)\)""")


async def test_the_page_is_at_the_root_and_at_each_link(http: httpx.AsyncClient) -> None:
    whole = (await http.get("/")).text
    assert "conference bridge" in whole
    for path in ("/j/1234", "/j/conf_abc-DEF_1", "/j/%2E%2E", "/j/" + "9" * 200):
        answer = await http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.text == whole
    assert (await http.head("/j/1234")).status_code == 200


async def test_it_needs_nothing_from_outside(http: httpx.AsyncClient) -> None:
    """Whatever a file asks for is here, and is told what it is."""
    unread, read = {"/"}, set[str]()
    while unread:
        path = unread.pop()
        read.add(path)
        answer = await http.get(path)
        assert answer.status_code == 200, path
        if path.startswith("/web/") or path == "/":
            assert answer.headers["x-content-type-options"] == "nosniff"
            for groups in WANTED.findall(answer.text):
                wanted = str(httpx.URL(f"http://x{path}").join("".join(groups)))
                assert wanted.startswith("http://x/"), (path, groups)
                unread |= {wanted.removeprefix("http://x")} - read
    assert {f"/web/static/{name}" for name in web_files()} - {"/web/static/index.html"} <= read


async def test_nothing_runs_but_our_own_files(http: httpx.AsyncClient) -> None:
    for path in ("/", "/j/1234", "/web/static/app.js"):
        policy = (await http.get(path)).headers["content-security-policy"]
        rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert "unsafe" not in policy and "*" not in policy and "http" not in policy
    page = (await http.get("/")).text
    assert re.findall(r"<script[^>]*>", page) == ['<script type="module" src="/web/static/app.js">']
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", page)


async def test_a_browser_keeps_what_is_still_the_same(http: httpx.AsyncClient) -> None:
    for path in ("/", "/j/77", "/web/static/style.css"):
        first = await http.get(path)
        etag = first.headers["etag"]
        assert first.headers["cache-control"] == "no-cache"
        for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            again = await http.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag), known
        for unknown in ('"other"', "", etag.strip('"')):
            assert (await http.get(path, headers={"If-None-Match": unknown})).content == first.content


@pytest.mark.parametrize("name", ["nothing.js", "..%2f..%2fpy.typed", "%2e%2e/index.html", "app.js/", "APP.js", "app"])
async def test_no_other_file_is_served(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"/web/static/{name}")
    assert answer.status_code in (404, 307)
    if answer.status_code == 307:
        assert answer.headers["location"].endswith("/web/static/app.js")


async def test_where_it_is_switched_off_it_says_so(shared: Server) -> None:
    config = msgspec.structs.replace(shared.api.config, web=WebConfig(enabled=False))
    app: Any = create_app(replace(shared.api, config=config), shared.notifications)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        for path, status in (("/", 200), ("/j/1234", 404)):
            answer = await client.get(path)
            assert (answer.status_code, "switched off here" in answer.text) == (status, True)
            assert "<script" not in answer.text and "conference bridge" in answer.text
        assert (await client.get("/web/static/app.js")).status_code == 404
        for path in ("/web/join", "/web/login", "/whip/1234"):
            answer = await client.post(path, json={"to": "1234", "offer": "v=0"})
            assert answer.status_code == 404, path
