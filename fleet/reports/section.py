"""What a page is made of: chapters, one for each folder, and their sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.reports.markup import Markup


@dataclass(frozen=True)
class Section:
    """A part of a chapter.

    Attributes:
        key: the end of its address in the page, and by which the script knows it.
        title: its heading.
        body: what stands below.
        data: what the page's script needs for it, as plain data; None: nothing.
    """

    key: str
    title: str
    body: Markup
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Chapter:
    """What a page tells of one folder.

    Attributes:
        key: by which its sections are told from those of other chapters of the page.
        title: its heading.
        facts: a line below that.
        sections: its sections, the answer first.
    """

    key: str
    title: str
    facts: str
    sections: Sequence[Section]
