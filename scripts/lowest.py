"""Print the lowest versions that `pyproject.toml` allows, as constraints for pip.

Run it from the root of the project: python scripts/lowest.py > lowest.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Print a line for each package that a run needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for text in project["dependencies"]:
        name, least = re.match(r"([\w.-]+)>=([\w.]+)", text).groups()  # type: ignore[union-attr]
        print(f"{name}=={least}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
