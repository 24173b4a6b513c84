"""Resources and lists of them, written as JSON or XML from one model: the XML follows from the names of the members."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from fastapi import Response

from softphone.markup import writable

__all__ = ["Listing", "Members", "Resource", "date", "rendered", "xml"]

Members = Mapping[str, Any]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
INDENT = "    "
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing."""

    tag: str
    "Of its XML element; its members are elements within."
    members: Members


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list."""

    tag: str
    "Of its XML element."
    key: str
    "Of the items in JSON."
    page: Members
    "What is said of the page; attributes in XML."
    items: Sequence[Resource]


def date(moment: datetime | None) -> str | None:
    """Write a moment as RFC 2822 does, the day without a nought before it, in English whatever the locale."""
    if moment is None:
        return None
    at = moment.astimezone(UTC)
    return f"{DAYS[at.weekday()]}, {at.day} {MONTHS[at.month - 1]} {at.year:04d} {at:%H:%M:%S} +0000"


def rendered(what: Resource | Listing, *, as_json: bool, status: int = 200) -> Response:
    """Write an answer."""
    if as_json:
        return Response(_printed(what), status, media_type="application/json")
    return xml(_element(what), status)


def xml(content: ElementTree.Element, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Write an element as an answer, within what all answers in XML are within."""
    root = ElementTree.Element("RestcommResponse")
    root.append(content)
    written = ElementTree.tostring(root, encoding="unicode")
    return Response(written, status, headers, "application/xml")


def _printed(what: Resource | Listing) -> str:
    """Write JSON as Restcomm's document prints it: a member on each line, the items of a list brace by brace."""
    if isinstance(what, Resource):
        return _lines(what.members)
    items = ", ".join(_lines(each.members).replace("\n", f"\n{INDENT}") for each in what.items)
    page = _lines(what.page).removesuffix("\n}")
    return f'{page},\n{INDENT}"{what.key}": [{items}]\n}}'


def _lines(members: Members) -> str:
    return json.dumps(members, indent=INDENT, ensure_ascii=False)


def _element(what: Resource | Listing) -> ElementTree.Element:
    if isinstance(what, Resource):
        return named(what.tag, what.members)
    attributes = {name.replace("_", ""): _text(value) for name, value in what.page.items()}
    listing = ElementTree.Element(what.tag, attributes)
    listing.extend(_element(each) for each in what.items)
    return listing


def named(tag: str, value: object) -> ElementTree.Element:
    """Write a value as an element; the members of a mapping are elements within, named as XML does."""
    element = ElementTree.Element(tag)
    if isinstance(value, Mapping):
        element.extend(named(_tag(name), each) for name, each in value.items())
    else:
        element.text = _text(value)
    return element


def _tag(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _text(value: object) -> str:
    if value is None:
        return ""
    return writable(str(value).lower() if isinstance(value, bool) else str(value))
