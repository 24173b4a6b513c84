"""What each half of `mixer` may import: its rules the standard library, its audio numpy and numba.

Neither imports the other.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

# Longest folder first: a file belongs to the first that holds it.
ALLOWED = {"mixer/rules": ("mixer.rules",), "mixer": ("mixer", "numpy", "numba")}
FORBIDDEN = {"mixer/rules": (), "mixer": ("mixer.rules",)}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and names of what a file imports, all names absolute."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module or '.'}.{alias.name}") for alias in node.names)


def _within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def offences(folder: str, path: Path) -> list[str]:
    """Imports of a file that its folder does not allow, a line each."""
    return [
        f"{path}:{line} imports {name}, which {folder}/ does not"
        for line, name in imports(path)
        if _within(name, FORBIDDEN[folder])
        or not (_within(name, ALLOWED[folder]) or name.split(".")[0] in sys.stdlib_module_names)
    ]


def main() -> int:
    """Exit status: 1 with the offences on stderr, 0 without."""
    found = []
    for path in sorted(Path("mixer").rglob("*.py")):
        folder = next(folder for folder in ALLOWED if path.is_relative_to(folder))
        found += offences(folder, path)
    sys.stderr.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
