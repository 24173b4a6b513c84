"""Logs are events with fields, on stderr, as lines for people or as JSON for machines.

Standard output belongs to results. Fields whose names say that they hold a secret are blotted out, whoever logs them;
so is most of a session id, from which the token of a ``conf_`` conference can be told: what is left finds it again.
"""

import io
import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from softphone.config import LogConfig
from softphone.text import printable

__all__ = ["configure"]

# Words in a field's name that mean: never write its value.
SECRET_WORDS = ("password", "secret", "token", "authorization", "nonce", "pin", "ha1")

# Of a session or party id (`softphone.focus.token`): eight digits stay, which are enough to tell ids of a log apart.
ID = re.compile(r"\b([ps]-[0-9a-f]{8})[0-9a-f]{24}\b")
# A token names the session in hexadecimal.
TOKEN = re.compile(r"\bconf_[0-9a-f]+")


def blot_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the value of every field that is named like a secret, and shorten what is one in the others."""
    for key, value in event.items():
        parts = key.lower().split("_")
        if any(part.startswith(word) for part in parts for word in SECRET_WORDS):
            event[key] = "…"
        elif isinstance(value, str):
            event[key] = TOKEN.sub("conf_…", ID.sub(r"\1…", value))
    return event


# Nobody reads more of one value, and a disk is not to be filled by what a stranger sends; a traceback has many lines.
LONGEST_VALUE = 1000
LONGEST_TRACEBACK = 20_000


def _cut(value: Any, longest: int = LONGEST_VALUE) -> Any:
    """Shorten what is longer than anybody reads, and say by how much."""
    if isinstance(value, list | tuple | dict | set | bytes) and len(text := repr(value)) > longest:
        value = text
    if not isinstance(value, str) or len(value) <= longest:
        return value
    return f"{value[:longest]}… ({len(value) - longest} more)"


def cut_long_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Bound the length of a line, whatever is logged and by whom."""
    return {
        _cut(key, 100): _cut(value, LONGEST_TRACEBACK if key == "exception" else LONGEST_VALUE)
        for key, value in event.items()
    }


def show_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Let nobody whose text is logged, a Call-ID or a name, command the terminal or begin a line of its own."""
    return {key: printable(value) if isinstance(value, str) else value for key, value in event.items()}


def _traceback(out: TextIO, exc_info: ExcInfo) -> None:
    """Write a traceback without values of variables, which may be secrets; its lines stay lines."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write("\n".join(_cut(printable(line)) for line in _cut(text.getvalue(), LONGEST_TRACEBACK).split("\n")))


def configure(settings: LogConfig, stream: TextIO | None = None) -> None:
    """Set up logging for the process.

    Parameters
    ----------
    settings
        Level and format.
    stream
        Where the lines go; stderr when None.
    """
    out = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=_traceback)
    )
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        blot_secrets,
    ]
    told: Processor = structlog.processors.format_exc_info if settings.format == "json" else show_controls
    tail: list[Processor] = [told, cut_long_values]
    structlog.configure(
        processors=[*shared, *tail, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail, renderer],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
