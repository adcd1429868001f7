"""What replaces values of a scenario: `key.path=value`, as options and errors write it.

A path is made of keys, with dots between, and of positions in lists: `events[0].at`. A key may have
dots itself, as names may; what stands in the scenario tells. A value is YAML on one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fleet.errors import InputError
from fleet.scenario import strict_yaml
from fleet.scenario.strict_yaml import MAX_DEPTH, Keys, Value

_POSITION = re.compile(r"\[([0-9]{1,9})\]|([0-9]{1,9})(?=[.\[]|$)")
_KEY = re.compile(r"[^.\[\]]+")


def replaced(data: dict[str, Value], override: str) -> dict[str, Value]:
    """Return a scenario's data with one value in it replaced.

    Args:
        data: stays as it is.
        override: `key.path=value`.

    Raises:
        InputError: it is not such a text, or there is no such place.
    """
    path, value = _parts(override)
    keys = _keys(data, path, override)
    whole: dict[str, Value] = _with(data, keys, value)
    return whole


def named_by(overrides: Sequence[str], place: str) -> str | None:
    """Return the last override that says what stands at a place, if one does.

    Args:
        overrides: of a scenario.
        place: as `dotted` writes it.
    """
    wanted = f"{_undotted(place)}."
    for override in reversed(overrides):
        if wanted.startswith(f"{_undotted(override.partition('=')[0].strip())}."):
            return override
    return None


def added_by(overrides: Sequence[str], place: str) -> str | None:
    """Return the last override that says what stands below a place, if one does."""
    below = f"{_undotted(place)}."
    paths = {text: _undotted(text.partition("=")[0].strip()) for text in overrides}
    return next((text for text in reversed(paths) if paths[text].startswith(below)), None)


def dotted(keys: Keys) -> str:
    """Return the way to a value as a text, such as `events[0].at`."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text or "(top)"


def _undotted(path: str) -> str:
    """Return a path with positions as keys: `events.0.at` is `events[0].at`."""
    return re.sub(r"\[([0-9]+)\]", r".\1", path)


def _parts(override: str) -> tuple[str, Value]:
    """Return the path of an override, and its value."""
    path, equals, text = override.partition("=")
    path = path.strip()
    if not equals or not path:
        raise InputError(f"--set {override}: write key.path=value, such as cloud.servers=4")
    if len(text.splitlines()) > 1:
        raise InputError(
            f"--set {path}: the value has a line break; write it on one line, lists as [a, b] and"
            " mappings as {key: value}"
        )
    return path, strict_yaml.loads(f"value: {text}", f"--set {path}").data["value"]


def _keys(data: Any, path: str, override: str) -> list[str | int]:
    """Return the keys and positions of a path into some data."""
    keys: list[str | int] = []
    node, rest = data, path
    while True:
        if len(keys) == MAX_DEPTH:
            raise InputError(f"--set {path[:40]}...: is deeper than {MAX_DEPTH} levels; shorten it")
        key, rest = _next(node, rest, override)
        keys.append(key)
        inside = isinstance(key, int) or (isinstance(node, dict) and key in node)
        node = node[key] if inside else None
        if not rest:
            return keys
        if rest[0] == ".":
            rest = rest[1:]
        elif rest[0] != "[":
            raise _unclear(override, rest)


def _next(node: Any, rest: str, override: str) -> tuple[str | int, str]:
    """Return the next key of a path or position, and what follows."""
    if isinstance(node, list):
        match = _POSITION.match(rest)
        at = -1 if match is None else int(match[1] or match[2])
        if match is None or at >= len(node):
            raise InputError(
                f"--set {override}: '{_head(rest)}' is not one of the {len(node)} positions, which"
                " are written as [0], [1], ..."
            )
        return at, rest[match.end() :]
    if node is not None and not isinstance(node, dict):
        raise InputError(f"--set {override}: there is nothing below '{node}' to set '{rest}' in")
    whole = [key for key in node or () if rest == key or rest.startswith((f"{key}.", f"{key}["))]
    if whole:
        key = max(whole, key=len)
        return key, rest[len(key) :]
    match = _KEY.match(rest)
    if match is None:
        raise _unclear(override, rest)
    return match[0], rest[match.end() :]


def _head(rest: str) -> str:
    """Return what stands up to the next key or position."""
    return re.split(r"(?<=.)[.\[]", rest, maxsplit=1)[0][:40]


def _unclear(override: str, rest: str) -> InputError:
    what = f"'{rest[:40]}' is no key" if rest else "it ends where a key should be"
    return InputError(
        f"--set {override}: {what}; write keys with dots between, positions in lists in brackets:"
        " events[0].at"
    )


def _with(node: Any, keys: Sequence[str | int], value: Value) -> Any:
    """Return a copy of a node with one value in it replaced."""
    if not keys:
        return value
    head, *rest = keys
    if isinstance(head, int):
        return [_with(item, rest, value) if i == head else item for i, item in enumerate(node)]
    return {**(node or {}), head: _with((node or {}).get(head), rest, value)}
