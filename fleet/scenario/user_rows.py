"""Catalogue rows that a user writes in YAML: item, parameter, then what stands there.

    lte:
      rate: {value: 30 Mbit/s, low: 20 Mbit/s, high: 40 Mbit/s, source: own measurement,
             year: 2026, confidence: measured}

The file is named after the kind of its items, such as `links.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fleet.catalog.rows import KINDS, PLAIN_UNITS, TEXT, Row
from fleet.errors import InputError
from fleet.scenario import strict_yaml
from fleet.scenario.strict_yaml import Document, Value

_FIELDS = ("value", "unit", "low", "high", "source", "year", "confidence")
_NEEDED = ("value", "source", "year", "confidence")


def read(path: Path) -> tuple[str, list[tuple[str, Row]]]:
    """Return the kind of a file of rows, and its rows with their places.

    Raises:
        InputError: the file is not such a file; names file and line.
    """
    if path.stem not in KINDS:
        raise InputError(f"{path}: a catalogue file is named after its kind: {', '.join(KINDS)}")
    document = strict_yaml.load(path)
    return path.stem, list(_rows(document))


def _rows(document: Document) -> Iterator[tuple[str, Row]]:
    for item, parameters in document.data.items():
        if not isinstance(parameters, dict):
            raise _error(document, item, "", "must hold parameters")
        for parameter, fields in parameters.items():
            place = f"{document.path}:{document.line_of((item, parameter))}"
            if not isinstance(fields, dict) or set(fields) - set(_FIELDS):
                raise _error(document, item, parameter, f"takes {', '.join(_FIELDS)}")
            missing = [name for name in _NEEDED if fields.get(name) is None]
            if missing:
                raise _error(document, item, parameter, f"needs {', '.join(missing)}")
            yield place, _row(item, parameter, fields)


def _error(document: Document, item: str, parameter: str, problem: str) -> InputError:
    keys = (item, parameter) if parameter else (item,)
    return InputError(f"{document.path}:{document.line_of(keys)} {'.'.join(keys)}: {problem}")


def _row(item: str, parameter: str, fields: dict[str, Value]) -> Row:
    value, unit = _split(fields["value"])
    unit = str(fields.get("unit") or unit)
    if not unit:
        unit = "1" if value.replace(".", "", 1).isdigit() else TEXT
    low, high = (_split(fields.get(name))[0] for name in ("low", "high"))
    source, year, confidence = (str(fields[name]) for name in ("source", "year", "confidence"))
    return Row(item, parameter, value, unit, low, high, source, year, confidence)


def _split(value: Value) -> tuple[str, str]:
    """Return the number and the unit of a text such as '30 Mbit/s'; a word has no unit."""
    if value is None:
        return "", ""
    text = str(value).strip()
    number, _, unit = text.partition(" ")
    if number.replace(".", "", 1).replace("e-", "", 1).isdigit() and (
        not unit or " " not in unit or unit in PLAIN_UNITS
    ):
        return number, unit
    return text, ""
