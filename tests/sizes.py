"""The size rules of the house, for `make check`.

No file over 400 lines, no function over 40 (docstring not counted), no class over 400 together with the classes that it
inherits from: a hierarchy is read as one. No second class of the same name in the product: a name means one thing.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 40
HIERARCHY_LINES = 400
PRODUCT = ("mixer", "softphone")


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


class Classes:
    """All classes of a tree of packages, and what they inherit from.

    Parameters
    ----------
    paths
        The files; the name of a module is its path.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.nodes: dict[str, ast.ClassDef] = {}
        self._names: dict[str, dict[str, str]] = {}
        for path in paths:
            module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(path.read_text())
            names = self._names[module] = {}
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    self.nodes[f"{module}.{node.name}"] = node
                    names[node.name] = f"{module}.{node.name}"
                elif isinstance(node, ast.ImportFrom):
                    names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}

    def family(self, name: str) -> set[str]:
        """Name a class and all of these that it inherits from."""
        found = {name}
        module = name.rpartition(".")[0]
        for base in self.nodes[name].bases:
            # `Generic[T]` and `module.Class` are not ours, or not written so here.
            full = self._names[module].get(ast.unparse(base).partition("[")[0], "")
            if full in self.nodes:
                found |= self.family(full)
        return found

    def lines(self, name: str) -> int:
        """Count the lines of a class and of all it inherits from."""
        family = [self.nodes[each] for each in self.family(name)]
        return sum((node.end_lineno or 0) - node.lineno + 1 for node in family)

    def twice(self) -> dict[str, list[str]]:
        """Find the names that more than one class has, with their modules."""
        places = defaultdict(list)
        for name in self.nodes:
            module, _, last = name.rpartition(".")
            places[last].append(module)
        return {name: modules for name, modules in places.items() if len(modules) > 1}


def class_offences(classes: Classes) -> list[str]:
    """What classes have no place in the product, a line each."""
    long = {name: n for name in classes.nodes if (n := classes.lines(name)) > HIERARCHY_LINES}
    return [
        *(f"{name}: {n} lines with what it inherits" for name, n in long.items()),
        *(f"class {name} in {', '.join(modules)}" for name, modules in sorted(classes.twice().items())),
    ]


def main() -> int:
    """Exit status: 1 with the offences on stderr, 0 without."""
    files = {root: sorted(Path(root).rglob("*.py")) for root in (*PRODUCT, "tests", "tools", "examples")}
    found = [line for paths in files.values() for path in paths for line in offences(path)]
    found += class_offences(Classes([path for root in PRODUCT for path in files[root]]))
    sys.stderr.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
