"""When an AI sensor sends what it found: the rule that a scenario states in words."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from fleet.errors import InputError
from fleet.scenario.quantities import OFFSET_PATTERN, SaidAs, interval_ns

_PUBLISH = re.compile(
    r"^(?:(?P<never>never)|every (?:(?P<all>inference)|(?P<n>\d{1,9}) inferences|(?P<time>\d.*))"
    r"|(?P<change>on change)(?: or every (?P<silence>\d.*))?)$"
)


def parse_publish(text: str) -> tuple[int, int, bool]:
    """Return the publishing rule that a text states, as `read_rule` does.

    Raises:
        InputError: the text is not such a rule.
    """
    rule = read_rule(text)
    if rule is None:
        raise InputError(
            f"{text!r} is not a publishing rule; write 'every inference', 'every 5 inferences',"
            " 'every 2 s', 'on change', 'on change or every 60 s' or, with 'ask', 'never'"
        )
    return rule


def read_rule(text: str) -> tuple[int, int, bool] | None:
    """Return (every n inferences, interval in ns, on change) of a rule, None if it is none.

    With `on change` the interval is the longest silence, 0 if there is none; `never` is -1
    inferences; else one of the two numbers is 0.

    Raises:
        InputError: it is one, with a number that cannot be.
    """
    match = _PUBLISH.match(text)
    if match is None:
        return None
    if match["never"]:
        return -1, 0, False
    if match["all"]:
        return 1, 0, False
    if match["change"]:
        return 0, interval_ns(match["silence"]) if match["silence"] else 0, True
    count, every_ns = (int(match["n"]), 0) if match["n"] else (0, interval_ns(match["time"]))
    if count == 0 and every_ns == 0:
        raise InputError(f"{text!r}: publish at least every 1 inferences or every 1 ns")
    return count, every_ns, False


def _rule(text: str) -> str:
    """Return a text that is such a rule, as it is."""
    parse_publish(text)
    return text


TIME_PATTERN = OFFSET_PATTERN.removeprefix("^\\s*").removesuffix("\\s*$|^0$")
"""The form of a time within a rule."""
_SCHEMA = {
    "type": "string",
    "pattern": rf"^(never|every (inference|[0-9]{{1,9}} inferences|{TIME_PATTERN})|"
    rf"on change( or every {TIME_PATTERN})?)$",
    "examples": ["every inference", "every 5 inferences", "every 2 s", "on change or every 60 s"],
}
Publish = Annotated[str, AfterValidator(_rule), SaidAs(_SCHEMA)]
"""A publishing rule, as it is written."""
