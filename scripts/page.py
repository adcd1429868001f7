"""Pages that are made by scripts: written, or with `--check` compared."""

from __future__ import annotations

import sys
from pathlib import Path


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
