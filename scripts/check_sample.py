"""Check that every line of a sample of output in a document is one that a command has printed.

Run it from the root of the project: python scripts/check_sample.py DOCUMENT OUTPUT
Samples are fenced as `text`. Blank lines and spaces at the ends of lines do not matter.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_SAMPLE = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def strange(document: str, output: str) -> list[str]:
    """Return the lines of a document's samples that an output does not have.

    Raises:
        ValueError: the document has no sample.
    """
    samples = _SAMPLE.findall(document)
    if not samples:
        raise ValueError("there is no sample, a block fenced as text")
    printed = {line.rstrip() for line in output.splitlines()}
    shown = [line.rstrip() for sample in samples for line in sample.splitlines()]
    return [line for line in shown if line and line not in printed]


def main() -> int:
    """Compare; return 1 if a line is not there."""
    document, output = (Path(name) for name in sys.argv[1:3])
    lines = strange(document.read_text("utf-8"), output.read_text("utf-8"))
    for line in lines:
        print(f"{document}: not printed: {line}", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
