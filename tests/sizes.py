"""The size rule of the house: no file over 400 lines, no function over 40 (docstring not counted)."""

import ast
import sys
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 40


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = node.body[0]
    doc = ast.get_docstring(node)
    skipped = (first.end_lineno or 0) - first.lineno + 1 if doc else 0
    return (node.end_lineno or 0) - node.lineno + 1 - skipped


def offences(path: Path) -> list[str]:
    """What in `path` is over a limit, a line each."""
    text = path.read_text()
    found = [f"{path}: {n} lines"] if (n := len(text.splitlines())) > FILE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (n := function_lines(node)) > FUNCTION_LINES:
            found.append(f"{path}:{node.lineno} {node.name}: {n} lines")
    return found


def main() -> int:
    """Exit status: 1 with the offences on stderr, 0 without."""
    roots = [Path(name) for name in ("mixer", "softphone", "tests", "examples")]
    found = [line for root in roots for path in sorted(root.rglob("*.py")) for line in offences(path)]
    sys.stderr.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
