"""Chapters made into one HTML file, which asks no network for anything and may run nothing else.

Its policy (`Content-Security-Policy`) allows the one style and the one script that are in it, by
their hashes, and nothing else. The same chapters give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from fleet.reports.markup import Markup, join, raw, tag
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
    first = address(0, chapters[0].sections[0])
    body = tag(
        "body",
        tag("a", "Skip to the answer", href=f"#{first}", class_="skip"),
        tag("main", [_chapter(k, chapter) for k, chapter in enumerate(chapters)]),
        tag("script", raw(script)),
    )  # fmt: skip
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def address(k: int, section: Section) -> str:
    """Return the address of a section of a chapter within the page."""
    return f"r{k + 1}-{section.key}"


def _chapter(k: int, chapter: Chapter) -> Markup:
    links = [
        tag("li", tag("a", section.title, href=f"#{address(k, section)}"))
        for section in chapter.sections
    ]
    return tag(
        "article",
        tag("header", tag("h1" if k == 0 else "h2", chapter.title), tag("p", chapter.facts)),
        tag("nav", tag("ul", links), aria_label=f"Sections of {chapter.title}"),
        [_section(k, section) for section in chapter.sections],
    )


def _section(k: int, section: Section) -> Markup:
    name = address(k, section)
    data = _data(section.data) if section.data is not None else None
    return tag(
        "section", tag("h2" if k == 0 else "h3", section.title, id=f"{name}-title"), section.body,
        data, id=name, aria_labelledby=f"{name}-title", data_kind=section.key,
    )  # fmt: skip


def _data(data: Any) -> Markup:
    """Return plain data as JSON that no reader of HTML takes for a tag."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return join(tag("script", raw(text), type="application/json", class_="data"))


def _own(name: str) -> str:
    return resources.files("fleet.reports").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
