"""The target of a request in absolute form (RFC 9112 section 3.2.2), as those send it who take us for a proxy."""

import re

from starlette.types import Scope

__all__ = ["in_origin_form"]

# What follows the authority is the path; where there is none, it is the root.
ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)


def in_origin_form(scope: Scope) -> Scope:
    """Give a request the path that its target has, and the Host; others stay as they are.

    A Host header that says something else does not count (RFC 9112 section 3.2.2).
    """
    match = ABSOLUTE.fullmatch(scope.get("raw_path") or b"")
    if match is None:
        return scope
    host, raw_path = match[1], match[2] or b"/"
    path = scope["path"].partition("://")[2].partition("/")[2]
    headers = [(b"host", host), *((name, value) for name, value in scope["headers"] if name != b"host")]
    return {**scope, "path": f"/{path}", "raw_path": raw_path, "headers": headers}
