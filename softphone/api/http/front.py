"""The API documentation as a page, without scripts or external resources."""

from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

__all__ = ["plain_page", "router"]

router = APIRouter(include_in_schema=False)

# Nothing is fetched and nothing runs, whoever should get a word into a page.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
}

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{font-size:.95em}table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}"
    "summary{cursor:pointer}details{margin:.3rem 0}details>*{margin-left:1.2rem}summary{margin-left:0!important}"
)


def plain_page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """Give a page for people; `body` is HTML."""
    whole = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )
    return HTMLResponse(whole, status, headers=HEADERS)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Show all operations, as ``/openapi.json`` describes them."""
    described = request.app.openapi()
    body = '<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>'
    return plain_page(f"{described['info']['title']}: the API", body + "".join(_operations(described)))


def _operations(described: dict[str, Any]) -> Iterator[str]:
    by_tag: dict[str, list[str]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault((operation.get("tags") or ["other"])[0], []).append(_operation(path, method, operation))
    for tag, operations in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(operations)}"


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    said = escape(operation.get("description") or operation.get("summary") or "")
    parts = [_table("Parameters", _parameters(operation)), _table("Body", _body(operation))]
    parts.append(
        _table("Answers", [(each, one.get("description", "")) for each, one in operation["responses"].items()])
    )
    return (
        f"<details><summary><code><b>{escape(method.upper())}</b> {escape(path)}</code></summary>"
        f"<p>{said}</p>{''.join(parts)}</details>"
    )


def _parameters(operation: dict[str, Any]) -> list[tuple[str, str]]:
    found = operation.get("parameters", [])
    return [(f"{each['name']} ({each['in']})", each.get("description", "")) for each in found]


def _body(operation: dict[str, Any]) -> list[tuple[str, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    return [(kind, one.get("schema", {}).get("$ref", "").rpartition("/")[2]) for kind, one in content.items()]


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    lines = "".join(f"<tr><td><code>{escape(name)}</code></td><td>{escape(says)}</td></tr>" for name, says in rows)
    return f"<h4>{title}</h4><table>{lines}</table>"
