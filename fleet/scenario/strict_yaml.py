"""Read a strict and safe part of YAML, and remember on which line each value stands.

The file becomes plain dicts, lists and scalars; nothing in it can name a type, build an object or
refer to another part. Plain scalars follow YAML 1.2, so `NO`, `on`, `12:30`, `017` and dates are
text. Every refusal is one line that begins `FILE:LINE` (line 1 if the file could not be read).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import yaml

from fleet import doors
from fleet.errors import InputError

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"
"""What a strict YAML file can hold."""

Keys: TypeAlias = tuple[str | int, ...]
"""The way from the top of a document to one value: mapping keys and list positions."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_NODES = 200_000
MAX_INT_DIGITS = 100
_MAX_SHOWN = 60
_MAX_PROBLEM = 300

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?(?P<mantissa>\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
# Besides control codes and half characters, this refuses the Unicode line breaks: editors do not
# count them as lines, so the line numbers in the errors would be wrong.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_LINE_BREAK = re.compile("\r\n|\r|\n")


@dataclass(frozen=True)
class Document:
    """One strict YAML file in memory.

    Attributes:
        path: The file, or the name given to `loads`.
        data: The top mapping.
    """

    path: Path
    data: dict[str, Value]
    _lines: Mapping[Keys, int] = field(repr=False)

    def line_of(self, path: Keys) -> int:
        """Return the 1-based line of a value, or of the nearest known value above it."""
        path = tuple(path)
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]


def load(path: str | os.PathLike[str]) -> Document:
    """Read a strict YAML file of at most `MAX_BYTES` bytes.

    Raises:
        InputError: If the file cannot be read or is not strict YAML.
    """
    name = os.fspath(path)
    raw = _read(name)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = _line_at(raw[: error.start].decode("utf-8"), error.start)
        bad = f"byte 0x{raw[error.start]:02x} is not UTF-8 text"
        raise _refusal(name, line, f"{bad}; save the file as UTF-8") from None
    return loads(text, name)


def loads(text: str, name: str) -> Document:
    """Read strict YAML text; `name` stands for the file in errors and in `Document.path`.

    Raises:
        InputError: If the text is not strict YAML.
    """
    text = text.removeprefix("\ufeff")
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _too_large(name)
    if bad := _FORBIDDEN.search(text):
        raise _refusal(name, _line_at(text, bad.start()), _forbidden(bad.group()))
    builder = _Builder(text, name)
    return Document(Path(name), builder.document(), builder.lines)


def _read(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise _too_large(name)
            # A pipe or a device has no size to check, so the read is bounded as well.
            raw = file.read(MAX_BYTES + 1)
    except InputError:
        # It is a ValueError too, and already says what is wrong.
        raise
    except FileNotFoundError:
        raise _refusal(name, 1, "no such file; check the path") from None
    except IsADirectoryError:
        raise _refusal(name, 1, "this is a folder; name a YAML file in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        says = f"cannot read the file ({why}); check the path and its permissions"
        raise _refusal(name, 1, says) from None
    if len(raw) > MAX_BYTES:
        raise _too_large(name)
    return raw


def _line_at(text: str, position: int) -> int:
    return len(_LINE_BREAK.findall(text, 0, position)) + 1


def _refusal(name: str, line: int, says: str) -> InputError:
    # A file name or a quoted part may hold a line break; the error stays one line.
    return InputError(doors.terminal(f"{name}:{line}: {says}"))


def _too_large(name: str) -> InputError:
    limit = f"the file is larger than {MAX_BYTES} bytes"
    return _refusal(name, 1, f"{limit}; split it, or describe groups instead of single items")


def _forbidden(character: str) -> str:
    return f"character U+{ord(character):04X} is not allowed; remove it"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "...")


class _Builder:
    """Build plain data from the parser's events, so that every limit holds before it matters."""

    def __init__(self, text: str, name: str) -> None:
        self.lines: dict[Keys, int] = {}
        self._name = name
        self._nodes = 0
        # The parser may report an error one line past the end of the text.
        self._last_line = _line_at(text, len(text.rstrip()))
        # Only the scanner and the parser of this loader are used: it never constructs anything.
        self._loader = yaml.SafeLoader(text)

    def document(self) -> dict[str, Value]:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise _refusal(self._name, 1, "the file is empty; write 'key: value' lines")
        first = self._next()
        self._check(first)
        if not isinstance(first, yaml.MappingStartEvent):
            raise self._error(first, "the top level is not a mapping; write 'key: value' lines")
        self.lines[()] = _line(first)
        data = self._mapping(())
        self._expect_end()
        return data

    def _expect_end(self) -> None:
        self._next()
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            says = "a second document begins here; keep one document in a file"
            raise self._error(event, says)

    def _next(self) -> yaml.Event:
        try:
            # The published types of PyYAML leave this method out.
            event: yaml.Event = self._loader.get_event()  # type: ignore[no-untyped-call]
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error) from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # The scanner lets Python's own errors out for numbers beyond Unicode in an escape.
            says = f"not valid YAML: {error}; check the escapes and directives here"
            raise _refusal(self._name, self._loader.line + 1, says) from None
        return event

    def _value(self, event: yaml.Event, path: Keys) -> Value:
        self._check(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if len(path) >= MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels; flatten it")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        return self._sequence(path)

    def _check(self, event: yaml.Event) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._error(event, f"more than {MAX_NODES} values; describe groups instead")
        if isinstance(event, yaml.AliasEvent):
            says = f"alias {_shown(f'*{event.anchor}')} is not allowed; write the value out"
            raise self._error(event, says)
        if (anchor := getattr(event, "anchor", None)) is not None:
            raise self._error(event, f"anchor {_shown(f'&{anchor}')} is not allowed; remove it")
        if (tag := getattr(event, "tag", None)) is not None:
            short = tag.replace("tag:yaml.org,2002:", "!!")
            raise self._error(event, f"tag {_shown(short)} is not allowed; write a plain value")

    def _mapping(self, path: Keys) -> dict[str, Value]:
        result: dict[str, Value] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event)
            if key in result:
                first = self.lines[(*path, key)]
                says = f"key {_shown(key)} is already on line {first}; keep one of the two"
                raise self._error(event, says)
            self.lines[(*path, key)] = _line(event)
            result[key] = self._value(self._next(), (*path, key))
        return result

    def _key(self, event: yaml.Event) -> str:
        self._check(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise self._error(event, "a key must be text, not a list or a mapping; write a name")
        key = self._scalar(event)
        if not isinstance(key, str):
            raise self._error(event, f"key {_shown(event.value)} is not text; put it in quotes")
        return key

    def _sequence(self, path: Keys) -> list[Value]:
        result: list[Value] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*path, len(result))
            self.lines[here] = _line(event)
            result.append(self._value(event, here))
        return result

    def _scalar(self, event: yaml.ScalarEvent) -> Value:
        text: str = event.value
        # An escape such as "\0" can bring in what the file itself may not hold.
        if bad := _FORBIDDEN.search(text):
            raise self._error(event, _forbidden(bad.group()))
        plain = event.implicit[0]
        if plain and text in _WORDS:
            return _WORDS[text]
        if plain and _INT.fullmatch(text):
            return self._int(event)
        if plain and (match := _FLOAT.fullmatch(text)):
            return self._float(event, match["mantissa"])
        return text

    def _int(self, event: yaml.ScalarEvent) -> int:
        if len(event.value) > MAX_INT_DIGITS:
            says = (
                f"an integer of more than {MAX_INT_DIGITS} digits; shorten it or put it in quotes"
            )
            raise self._error(event, says)
        return int(event.value)

    def _float(self, event: yaml.ScalarEvent, mantissa: str) -> float:
        number = float(event.value)
        lost = number == 0 and mantissa.strip("0.") != ""
        if lost or math.isinf(number):
            says = f"{_shown(event.value)} is beyond the range of a number; put it in quotes"
            raise self._error(event, says)
        return number

    def _error(self, event: yaml.Event, says: str) -> InputError:
        return _refusal(self._name, min(_line(event), self._last_line), says)

    def _syntax_error(self, error: yaml.MarkedYAMLError) -> InputError:
        mark = error.problem_mark or error.context_mark
        says = f"not valid YAML: {error.problem or error.context}"
        if error.problem and error.context and error.context_mark:
            says += f" ({error.context} that began on line {error.context_mark.line + 1})"
        line = min(mark.line + 1, self._last_line) if mark else 1
        advice = "check the spaces, quotes and brackets here"
        return _refusal(self._name, line, f"{says[:_MAX_PROBLEM]}; {advice}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
