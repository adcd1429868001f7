"""What arms are called where results are shown: each by a name that no other has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import StringConstraints

from fleet.errors import InputError

Label = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]


def check_labels(called: Mapping[str, str]) -> None:
    """Refuse arms that could not be told apart by what they are called.

    Args:
        called: by the name of an arm, its label, or the name where it has none.

    Raises:
        InputError: two have the same.
    """
    arms: dict[str, str] = {}
    for arm, label in called.items():
        other = arms.setdefault(label, arm)
        if other != arm:
            raise InputError(
                f"arms '{other}' and '{arm}' are both called '{label}'; change a 'label'"
            )
