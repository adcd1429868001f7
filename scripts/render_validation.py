"""Write `docs/VALIDATION.md` from the two commands that check the model; with `--check`, compare.

Run it from the root of the project: python scripts/render_validation.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from page import write_or_check

from fleet.proof import selftest, validate
from fleet.show.proof import page

PAGE = Path(__file__).parents[1] / "docs" / "VALIDATION.md"


def main() -> int:
    """Write or compare; return 1 if the page is not what the commands give."""
    return write_or_check(PAGE, page(selftest.run(), validate.run()))


if __name__ == "__main__":
    sys.exit(main())
