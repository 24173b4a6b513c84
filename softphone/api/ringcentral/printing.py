"""JSON as RingCentral's documents print it: indented by two, and in one place with a space before each colon."""

import json
from typing import Any, ClassVar

from fastapi.responses import JSONResponse

__all__ = ["Printed", "PrintedWide"]


class Printed(JSONResponse):
    """JSON, indented."""

    separators: ClassVar[tuple[str, str]] = (",", ": ")

    def render(self, content: Any) -> bytes:
        """Write it."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2, separators=self.separators)
        return text.encode()


class PrintedWide(Printed):
    """JSON, indented, with a space before each colon."""

    separators = (",", " : ")
