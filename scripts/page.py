"""Pages that are made by scripts: written, or with `--check` compared."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path


def between(text: str, begin: str, end: str, lines: Iterable[str]) -> str:
    """Return a page with other lines between two marks."""
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return "\n".join([f"{before}{begin}", *lines, f"{end}{after}"])


def write_or_check(page: Path, text: str) -> int:
    """Write a page or compare it, as the command line asks; return 1 if it is out of date."""
    if "--check" not in sys.argv[1:]:
        page.write_text(text, encoding="utf-8")
        return 0
    if page.is_file() and page.read_text("utf-8") == text:
        return 0
    command = f"python scripts/{Path(sys.argv[0]).name}"
    print(f"{page} is out of date; run {command}", file=sys.stderr)
    return 1
