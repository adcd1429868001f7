"""HTML and SVG made of tags: what is not markup already is escaped, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from fleet import doors

_VOID = frozenset({"br", "input", "link", "meta"})
_SHAPES = frozenset({"circle", "line", "path", "polygon", "rect", "use"})


class Markup(str):
    """Text that is HTML already; only `tag` and `raw` make it."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"
Value: TypeAlias = str | float | bool | None


def raw(text: str) -> Markup:
    """Return text of our own that is HTML already: files of this package, and nothing else."""
    return Markup(text)


def tag(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        children: text, which is escaped, markup, or more of them; None is nothing.
        attributes: underscores in names stand for hyphens, one at the end for nothing; of None or
            False there is none, True stands without a value.
    """
    begin = f"<{name}{''.join(_attributes(attributes))}"
    if name in _VOID:
        return Markup(f"{begin}>")
    inside = "".join(_texts(children))
    if name in _SHAPES and not inside:
        return Markup(f"{begin}/>")
    return Markup(f"{begin}>{inside}</{name}>")


def join(*children: Child) -> Markup:
    """Return elements and texts one after the other."""
    return Markup("".join(_texts(children)))


def _attributes(attributes: dict[str, Value]) -> Iterator[str]:
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        name = key.rstrip("_").replace("_", "-")
        yield f" {name}" if value is True else f' {name}="{doors.html(short(value))}"'


def _texts(children: Iterable[Any]) -> Iterator[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, str):
            yield doors.html(child)
        else:
            yield from _texts(child)


def short(value: str | float) -> str:
    """Return a text as it is, and a number in at most six digits."""
    return value if isinstance(value, str) else f"{value:.6g}"
