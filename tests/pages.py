"""Pages read as browsers read them: which elements there are, and what stands in them."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

_VOID = {"br", "input", "link", "meta"}


class Page(HTMLParser):
    """A page.

    Attributes:
        elements: name and attributes of each, in order.
        texts: what stands between tags, without scripts and styles.
        scripts: the texts of scripts, and `styles` those of styles.
        data: what scripts of plain data hold.
        left: elements that were not closed, or closed without being open.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.data: list[Any] = []
        self.left: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        self.left += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.left.append(tag)

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            plain = self.elements[-1][1].get("type") == "application/json"
            (self.data if plain else self.scripts).append(json.loads(data) if plain else data)
        elif inside == "style":
            self.styles.append(data)
        else:
            self.texts.append(data)

    def values(self, *names: str) -> list[str]:
        """Return the values of some attributes, wherever they stand."""
        return [a[name] or "" for _, a in self.elements for name in names if name in a]
