"""Write into `docs/ARCHITECTURE.md` what both engines call: what their comparison does not check.

That is every function of `fleet.model` and `fleet.engine` that is reached from the reference engine
and from the columns engine alike. With `--check` it compares. Run it from the root of the project:
python scripts/render_shared.py [--check]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from page import between, write_or_check

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "ARCHITECTURE.md"
BEGIN, END = "<!-- shared: made by scripts/render_shared.py -->", "<!-- end of shared -->"
LAW = ("fleet.model", "fleet.engine")
Function = tuple[str, str]
"""Module and name."""


def tree(module: str) -> ast.Module:
    """Return the syntax tree of a module of the package."""
    return ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8"))


def functions(module: str) -> dict[str, ast.AST]:
    """Return the functions of a module, and its classes, by name."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: node for node in tree(module).body if isinstance(node, kinds)}


def named(module: str) -> dict[str, Function | str]:
    """Return what the names in a module stand for: functions of the law, or modules of it."""
    known: dict[str, Function | str] = {name: (module, name) for name in functions(module)}
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(LAW):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                inside = (ROOT / f"{whole.replace('.', '/')}.py").is_file()
                name = alias.asname or alias.name
                known[name] = whole if inside else (node.module or "", alias.name)
    return known


def called(module: str, node: ast.AST) -> Iterator[Function]:
    """Yield the functions of the law that a piece of a module names."""
    known = named(module)
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(known.get(part.id), tuple):
            yield known[part.id]  # type: ignore[misc]
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            whose = known.get(part.value.id)
            if isinstance(whose, str):
                yield whose, part.attr


def reached(room: str) -> set[Function]:
    """Return the functions of the law that a room reaches, straight or through others."""
    modules = [f"fleet.{room}.{path.stem}" for path in (ROOT / "fleet" / room).glob("*.py")]
    ahead = [one for module in modules for one in called(module, tree(module))]
    found: set[Function] = set()
    while ahead:
        module, name = ahead.pop()
        if (module, name) in found or not module.startswith(LAW):
            continue
        found.add((module, name))
        node = functions(module).get(name)
        ahead += [] if node is None else called(module, node)
    return found


def lines() -> Iterator[str]:
    """Yield the table: modules in order, and their functions that both engines reach."""
    yield "| Module | What both engines call |"
    yield "|---|---|"
    shared = reached("reference") & reached("columns")
    for module in sorted({module for module, _ in shared}):
        there = functions(module)
        names = [
            name
            for name, node in there.items()
            if (module, name) in shared and isinstance(node, ast.FunctionDef) and name[0] != "_"
        ]
        if names:
            told = ", ".join(f"`{name}`" for name in names)
            yield f"| `{module.removeprefix('fleet.').replace('.', '/')}` | {told} |"


def main() -> int:
    """Write or compare; return 1 if the page is not what the code gives."""
    return write_or_check(PAGE, between(PAGE.read_text("utf-8"), BEGIN, END, lines()))


if __name__ == "__main__":
    sys.exit(main())
