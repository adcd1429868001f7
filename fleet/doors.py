"""Doors for text of others on its way out: wherever it is shown it does nothing but stand there.

A cell of a table, a name or an attribution may hold what a terminal, a spreadsheet, a browser or a
typesetter takes for an order. There is one function for each of these places. Figures have none:
no text in them is taken for mathematics (`fleet.show.style`), and they show text as terminals do.
"""

from __future__ import annotations

import functools
import html as _html
import json
import re
from typing import Any

_MARKED = frozenset("\\`*_{}[]#|~^$:")
# What spreadsheets take for a formula, where a cell begins or where one that cuts at other signs
# than we do would begin a cell; the full-width signs are taken for the others.
_FORMULA = re.compile("(^|[,;|])(\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20])")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"{\char34}",
}  # fmt: skip


def terminal(text: str) -> str:
    r"""Return a text of which every character can be seen: others as in `\x1b` and `\u202e`.

    These are controls, line breaks, signs that turn the direction of writing, and halves of
    characters.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def json_text(value: Any) -> str:
    """Return JSON that means the same, of which every character but its own breaks can be seen."""
    return "\n".join(map(_escaped, json.dumps(value, indent=1, ensure_ascii=False).split("\n")))


def _escaped(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def csv_cell(value: Any) -> Any:
    """Return a cell of a CSV file that no spreadsheet runs; numbers stay as they are."""
    return _csv_text(value) if isinstance(value, str) else value


@functools.lru_cache(maxsize=10_000)
def _csv_text(text: str) -> str:
    """Return the cell of a text, of which long tables have the same by the thousand."""
    return text if _is_number(text) else _FORMULA.sub(r"\1'\2", terminal(text))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def html(text: str) -> str:
    """Return a text as it stands in HTML, in an attribute too."""
    return _html.escape(terminal(text), quote=True)


def markdown(text: str) -> str:
    """Return a text as it stands in Markdown, in a cell of a table too; HTML in it is text."""
    return "".join(
        f"\\{c}" if c in _MARKED else _html.escape(c, quote=False) for c in terminal(text)
    )


def latex(text: str) -> str:
    """Return a text as it stands in LaTeX."""
    return "".join(_LATEX.get(c, c) for c in terminal(text))
