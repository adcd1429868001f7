"""Write the table of modules in `docs/ARCHITECTURE.md` from the modules' own first lines.

With `--check` it compares. Run it from the root of the project:
python scripts/render_modules.py [--check]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from page import between, write_or_check

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "ARCHITECTURE.md"
BEGIN, END = "<!-- modules: made by scripts/render_modules.py -->", "<!-- end of modules -->"


def lines() -> Iterator[str]:
    """Yield the table: rooms in order of names, and their modules."""
    yield "| Module | One line |"
    yield "|---|---|"
    for path in sorted((ROOT / "fleet").rglob("*.py"), key=_key):
        name = path.relative_to(ROOT / "fleet").with_suffix("").as_posix()
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        first = " ".join(text.split("\n\n")[0].split()).rstrip(".").replace("|", "\\|")
        room = name.removesuffix("/__init__")
        if name != room:
            yield f"| **`{room}/`** | **{first}** |"
        elif name not in ("__init__", "__main__"):
            yield f"| `{name}` | {first} |"


def _key(path: Path) -> tuple[list[str], str]:
    """Sort single modules first, then rooms, each behind its own line."""
    return list(path.parent.parts), "" if path.stem == "__init__" else path.stem


def main() -> int:
    """Write or compare; return 1 if the page is not what the modules give."""
    return write_or_check(PAGE, between(PAGE.read_text("utf-8"), BEGIN, END, lines()))


if __name__ == "__main__":
    sys.exit(main())
