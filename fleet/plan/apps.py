"""What the catalogue says of an app in words."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.catalog import Reader
from fleet.errors import InputError


def word(reader: Reader, app: str, parameter: str, allowed: Sequence[str]) -> str:
    """Return a word that the catalogue says of an app.

    Raises:
        InputError: it is none of those allowed.
    """
    text = reader.text("apps", app, parameter)
    if text not in allowed:
        raise InputError(
            f"catalogue: {parameter} of app {app} is '{text}'; it must be one of"
            f" {', '.join(allowed)}"
        )
    return text


def indoors(reader: Reader, app: str) -> bool:
    """Return whether it is always day before the sensors of an app.

    Raises:
        InputError: the catalogue says neither yes nor no.
    """
    if not reader.has_parameter("apps", app, "indoors"):
        return False
    return word(reader, app, "indoors", ("yes", "no")) == "yes"
