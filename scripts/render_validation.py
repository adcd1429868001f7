"""Write `docs/VALIDATION.md` from the two commands that check the model; with `--check`, compare.

Run it from the root of the project: python scripts/render_validation.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from fleet.proof import selftest, validate
from fleet.show.proof import page

PAGE = Path(__file__).parents[1] / "docs" / "VALIDATION.md"


def main() -> int:
    """Write or compare; return 1 if the page is not what the commands give."""
    text = page(selftest.run(), validate.run())
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    print(f"{PAGE} is out of date; run python scripts/render_validation.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
