"""When a plain shard runs in lanes; the result is the same."""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

from fleet.errors import InputError


class Lanes(StrEnum):
    """When it does. `Lanes(name)` refuses a name of none."""

    worth = "worth"  # where it stays plain for long enough
    always = "always"  # whenever it is plain
    never = "never"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise InputError(f"lanes {value!r} is not one of {', '.join(cls)}")
