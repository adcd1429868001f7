"""Which frames an AI sensor passes on to servers, and who looks at them there."""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator

from fleet.errors import InputError
from fleet.model.asking import (
    EVERY,
    FOUND,
    IN_TIME,
    MILLION,
    ON_CHANGE,
    ORACLE,
    RANDOM,
    UNSURE,
)
from fleet.scenario.pipeline import Pipeline
from fleet.scenario.publish import TIME_PATTERN, read_rule
from fleet.scenario.quantities import (
    Camera,
    Codec,
    Model,
    Name,
    Network,
    PartOrNone,
    Protocol,
    SaidAs,
    says,
)
from fleet.units import fraction

_WORDS = re.compile(
    r"^(?:found(?: (?P<found>\d{1,6}))?|random (?P<random>\d.*)|unsure below (?P<unsure>\d.*)"
    r"|(?P<oracle>oracle))$"
)


class Rule(NamedTuple):
    """A rule by which frames are passed on.

    Attributes:
        rule: which; see `fleet.model.asking`.
        number: inferences, objects or millionths.
        interval_ns: its time, 0 if it has none; ns.
    """

    rule: int
    number: int
    interval_ns: int


def parse_rule(text: str) -> Rule:
    """Return the rule that a text states.

    Raises:
        InputError: the text is not such a rule.
    """
    match = _WORDS.match(text)
    if match is None:
        return _as_published(text)
    if match["oracle"]:
        return Rule(ORACLE, 0, 0)
    for rule, share in ((RANDOM, match["random"]), (UNSURE, match["unsure"])):
        if share:
            return Rule(rule, _ppm(text, share), 0)
    number = int(match["found"] or 1)
    if number == 0:
        raise InputError(f"{text!r}: there are always 0 objects at least; write 'found', or more")
    return Rule(FOUND, number, 0)


def _as_published(text: str) -> Rule:
    """Return a rule that is stated as those of publishing are."""
    rule = read_rule(text)
    if rule is None or rule[0] < 0:
        raise InputError(
            f"{text!r} does not say which frames are passed on; write 'found', 'found 2', 'on"
            " change', 'on change or every 60 s', 'every 5 inferences', 'every 2 s', 'unsure below"
            " 60 %', 'random 30 %' or 'oracle'"
        )
    every, interval_ns, change = rule
    if change:
        return Rule(ON_CHANGE, 0, interval_ns)
    return Rule(EVERY, every, 0) if every else Rule(IN_TIME, 0, interval_ns)


def _ppm(text: str, share: str) -> int:
    """Return a share in millionths, at least one of them and at most all."""
    try:
        ppm = int(fraction(share) * MILLION)
    except InputError as error:
        raise InputError(f"{text!r}: {error}") from None
    if not 1 <= ppm <= MILLION:
        raise InputError(f"{text!r}: a share is 1 ppm to 100 %")
    return ppm


def _rule(text: str) -> str:
    """Return a text that is such a rule, as it is."""
    parse_rule(text)
    return text


_SHARE = r"[0-9]+\.?[0-9]* ?(%|ppm)?"
_SCHEMA = {
    "type": "string",
    "pattern": rf"^(oracle|found( [0-9]{{1,6}})?|(random|unsure below) {_SHARE}|"
    rf"every (inference|[0-9]{{1,9}} inferences|{TIME_PATTERN})|"
    rf"on change( or every {TIME_PATTERN})?)$",
    "examples": ["found", "on change or every 60 s", "unsure below 60 %", "random 30 %", "oracle"],
}
When = Annotated[str, AfterValidator(_rule), SaidAs(_SCHEMA)]
"""A rule by which frames are passed on, as it is written."""


class Ask(Model):
    """Frames that an AI sensor has inferred and passes on: encoded, for servers to look at.

    The servers' answer takes the place of its own. Each picture, or crop of one, is encoded by
    itself: what was not sent cannot be what the next frame is predicted from.
    """

    when: Annotated[When, says("which frames are passed on", "unsure below 60 %")]
    model: Annotated[Network, says("network that looks at them on servers", "yolo11m")]
    codec: Annotated[Codec, says("how they are encoded, each by itself", "jpeg-q60")]
    encoder: Annotated[Camera, says("camera whose encoder the sensor has", "ip-camera-1080p")]
    infer: Annotated[Literal["cloud", "edge"], says("where these servers are", "edge")] = "cloud"
    eye: Annotated[
        Name | None,
        says(
            "measured network whose sight stands for the servers'", "eye-large", "the catalogue's"
        ),
    ] = None
    protocol: Annotated[Protocol | None, says("protocol, with its overhead", "rtp", "mqtt-tls")] = (
        None
    )
    pipeline: Annotated[
        Pipeline | None,
        says(
            "a second network there, which looks at each object that `model` finds",
            {"model": "resnet50", "most": 8},
            "none",
        ),
    ] = None
    crop_margin: Annotated[
        PartOrNone | None,
        says(
            "only crops of what the sensor found are sent, with so much of their sides around each,"
            " as a trace has them",
            "20 %",
            "the whole picture is sent",
        ),
    ] = None
