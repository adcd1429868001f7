"""Chapters made into one HTML file, which asks no network for anything and may run nothing else.

Its policy (`Content-Security-Policy`) allows the one style and the one script that are in it, by
their hashes, and nothing else. The same chapters give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from fleet import doors
from fleet.reports.markup import Markup, raw, tag
from fleet.reports.section import Chapter, Section


def page(chapters: Sequence[Chapter]) -> str:
    """Return the HTML of some chapters."""
    style, script = (_own(name) for name in ("page.css", "page.js"))
    title = " · ".join(chapter.title for chapter in chapters)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)};"
        " base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", raw(style)),
    )
    first = address(chapters[0], chapters[0].sections[0])
    body = tag(
        "body",
        tag("a", "Skip to the answer", href=f"#{first}", class_="skip"),
        tag("main", [_chapter(k, chapter) for k, chapter in enumerate(chapters)]),
        tag("script", raw(script)),
    )  # fmt: skip
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def address(chapter: Chapter, section: Section) -> str:
    """Return the address of a section of a chapter within the page."""
    return f"{chapter.key}-{section.key}"


def _chapter(k: int, chapter: Chapter) -> Markup:
    links = [
        tag("li", tag("a", section.title, href=f"#{address(chapter, section)}"))
        for section in chapter.sections
    ]
    return tag(
        "article",
        tag("header", tag("h1" if k == 0 else "h2", chapter.title), tag("p", chapter.facts)),
        tag("nav", tag("ul", links), aria_label=f"Sections of chapter {k + 1}, {chapter.title}"),
        [
            _section(address(chapter, section), section, "h3" if k else "h2")
            for section in chapter.sections
        ],
    )


def _section(name: str, section: Section, level: str) -> Markup:
    data = None if section.data is None else _data(section.data)
    title = tag(level, section.title)
    return tag(
        "section", title, section.body, data, id=name,
        data_kind=section.key,
    )  # fmt: skip


def _data(data: Mapping[str, Any]) -> Markup:
    """Return plain data as JSON that no reader of HTML takes for a tag."""
    text = json.dumps(_seen(data), separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return tag("script", raw(text), type="application/json", class_="data")


def _seen(data: Any) -> Any:
    """Return data in whose texts every character can be seen, as in the page's."""
    if isinstance(data, str):
        return doors.terminal(data)
    if isinstance(data, Mapping):
        return {doors.terminal(key): _seen(value) for key, value in data.items()}
    return [_seen(one) for one in data] if isinstance(data, list) else data


def _own(name: str) -> str:
    return resources.files("fleet.reports").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
