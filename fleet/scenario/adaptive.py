"""Arms that adapt while they run: a ladder of settings, and who says which of them holds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

import fleet.units as units
from fleet.errors import InputError
from fleet.model.ladder import AT_REGION, AT_SITE, READS_AT, SIGNALS
from fleet.scenario.asking import When
from fleet.scenario.publish import Publish
from fleet.scenario.quantities import (
    FUNCTION,
    UNIT,
    Codec,
    Count,
    DataBit,
    FrameRate,
    Model,
    PeriodNs,
    RateBps,
    SaidAs,
    form,
    interval_ns,
    says,
)
from fleet.units import Dimension

MOST_RUNGS = 16
"""Rungs of a ladder, with the arm's own settings at its top."""


class Rung(Model):
    """What differs from the arm's own settings on a rung of its ladder."""

    rate: Annotated[FrameRate | None, says("most that is captured there", "5 fps", "the arm's")] = (
        None
    )
    codec: Annotated[
        Codec | None, says("how pictures are encoded there", "h264-crf36", "the arm's")
    ] = None
    bitrate: Annotated[
        RateBps | None, says("mean that the encoder is held to there", "500 kbit/s", "the arm's")
    ] = None
    publish: Annotated[
        Publish | None,
        says("which results an AI sensor sends there", "every 5 inferences", "the arm's"),
    ] = None
    when: Annotated[
        When | None,
        says("which frames it passes on to servers there (`ask`)", "random 10 %", "the arm's"),
    ] = None


Read = Literal[
    "results", "expected", "latency_ns", "missing_ppm", "captured", "sent_bits", "waiting_bits",
    "backlog_ns", "waiting", "dropped", "period_ns", "rung_bps",
]  # fmt: skip
"""What a rule of one's own may say that it reads (`fleet.model.ladder.READS_AT`)."""


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class Own(Model):
    """A rule of one's own: a function in a small part of Python, which does nothing but reckon."""

    file: Annotated[str, says("Python file beside the scenario", "follow.py")]
    function: Annotated[
        Annotated[str, StringConstraints(pattern=FUNCTION)],
        says("function in it, which takes what is seen", "follow"),
    ]
    reads: Annotated[
        tuple[Read, ...],
        BeforeValidator(_listed),
        says("what it reads of what a controller sees", ["latency_ns", "results"]),
    ] = ()


class Level(NamedTuple):
    """A level of what is watched: in ns, millionths or frames, as `of` says."""

    of: str
    number: int


def _level(value: object) -> Level:
    """Read a level: a time, a share, or a number of frames.

    Raises:
        InputError: it is none of them.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= _MOST_FRAMES:
            raise InputError(f"{value!r} frames are not 0 to {_MOST_FRAMES:,}")
        return Level("frames", value)
    text = str(value)
    try:
        if "%" in text or "ppm" in text:
            share = units.fraction(text)
            if not 0 <= share <= 1:
                raise InputError(f"{value!r} is no share from 0 to 100 %")
            if 0 < share < _LEAST_SHARE:
                raise InputError(f"{value!r} is below 1 ppm and not 0")
            return Level("share", int(share * 1_000_000))
        return Level("time", interval_ns(value))
    except InputError as error:
        raise InputError(
            f"{error}; a level is a time, a share in %, or a number of frames"
        ) from None


_MOST_FRAMES = 1_000_000_000
_LEAST_SHARE = Fraction(1, 1_000_000)
_LEVEL: dict[str, Any] = {
    "type": ["string", "integer"],
    "pattern": rf"{form(Dimension.TIME)}|^\s*\+?[0-9.]+([eE][+-]?[0-9]{{1,2}})?\s*(%|ppm)\s*$",
    "minimum": 0, "maximum": _MOST_FRAMES,
    "examples": ["200 ms", "5 %", 20], UNIT: "a time, a share in %, or a number of frames",
}  # fmt: skip
LevelOf = Annotated[Any, BeforeValidator(_level), SaidAs(_LEVEL)]

_WORD_BYTES = 64
HIGH_NS = 500_000_000
"""What `high` of `awstream` is where it is left out."""
_KEYS = {
    "threshold": {"watch", "high", "low", "calm"},
    "back-pressure": {"queue"},
    "awstream": {"high", "low", "calm"},
    "own": set[str](),
}
"""Which keys a rule has of those that only some have."""
_NAMED = tuple(name for name in _KEYS if name != "own")
_UNIT_OF = {"latency": "time", "backlog": "time", "missing": "share"}
_LIKE = {"time": "200 ms", "share": "5 %", "frames": "20"}


def _rule(value: object) -> object:
    """Return what a rule is said to be, which may be right in form.

    Raises:
        InputError: it is neither a name nor a function.
    """
    if isinstance(value, Mapping | Own) or (isinstance(value, str) and value in _NAMED):
        return value
    raise InputError(
        f"{value!r} is no rule; write {', '.join(_NAMED)}, or a function of your own:"
        " {file: follow.py, function: follow, reads: [latency_ns]}"
    )


class Adaptive(Model):
    """A ladder of settings below an arm's own, and who says on which rung its sensors stand."""

    rule: Annotated[
        Literal["threshold", "back-pressure", "awstream"] | Own,
        BeforeValidator(_rule),
        says("how a controller decides, by name or as a function of one's own", "threshold"),
    ]
    every: Annotated[PeriodNs, says("from one look of a controller to the next", "1 s")]
    at: Annotated[
        Literal["region", "site"] | None,
        says("where controllers are, and so what they see", "site", "region; awstream: site"),
    ] = None
    shared_by: Annotated[
        Literal["sensor", "site", "cell", "city"],
        says("whose sensors one controller tells the same", "site"),
    ] = "sensor"
    ladder: Annotated[
        list[Rung],
        Field(min_length=1, max_length=MOST_RUNGS - 1),
        says(
            "the rungs below the arm's own settings, from the top down",
            [{"rate": "10 fps"}, {"rate": "5 fps", "codec": "h264-crf36"}],
        ),
    ]
    watch: Annotated[
        Literal["latency", "missing", "waiting", "dropped", "backlog"] | None,
        says("what a threshold is of", "missing", "latency; at a site: backlog"),
    ] = None
    high: Annotated[
        LevelOf | None, says("above it a rung down", "300 ms", "needed, but of awstream: 500 ms")
    ] = None
    low: Annotated[
        LevelOf | None,
        says("at or below it calm, and in the end a rung up", "100 ms", "half of `high`"),
    ] = None
    calm: Annotated[Count | None, says("looks in a row that are calm before it", 5, "3")] = None
    queue: Annotated[
        Count | None, says("frames that wait for each rung down", 10, "needed by back-pressure")
    ] = None
    word: Annotated[
        DataBit | None, says("size of what a controller says to a sensor", "200 B", "64 B")
    ] = None

    @property
    def word_bytes(self) -> int:
        """Return the size of a word, in whole bytes."""
        return _WORD_BYTES if self.word is None else self.word // 8

    @property
    def name(self) -> str:
        """Return the name of the rule: of one's own 'own'."""
        return "own" if isinstance(self.rule, Own) else self.rule

    @property
    def place(self) -> str:
        """Return where controllers are."""
        return self.at or (AT_SITE if self.name == "awstream" else AT_REGION)

    @property
    def watched(self) -> str:
        """Return what a threshold is of."""
        if self.name == "awstream":
            return "backlog"
        return self.watch or ("latency" if self.place == AT_REGION else "backlog")

    @model_validator(mode="after")
    def _sound(self) -> Adaptive:
        own = _KEYS[self.name]
        for key in sorted(set().union(*_KEYS.values()) - own):
            if getattr(self, key) is not None:
                raise InputError(f"the rule '{self.name}' takes no '{key}'; remove it")
        if self.name == "awstream" and self.place != AT_SITE:
            raise InputError(
                "'awstream' goes by the sender's queue, which is at the site; remove 'at'"
            )
        if self.name == "back-pressure" and self.queue is None:
            raise InputError(
                "'back-pressure' needs 'queue': so many frames wait for each rung down"
            )
        self._check_levels()
        self._check_reads()
        self._check_ladder()
        return self

    def _check_ladder(self) -> None:
        """Refuse rates that rise on the way down; a rung without one has the arm's."""
        rates = [(k, rung.rate) for k, rung in enumerate(self.ladder, 1) if rung.rate is not None]
        for (above, high), (below, low) in itertools.pairwise(rates):
            if low > high:
                raise InputError(
                    f"'ladder' goes from the top down, and its rung {below} has a higher 'rate'"
                    f" ({float(low):g} fps) than rung {above} ({float(high):g} fps); lower it, or"
                    " change their order"
                )

    def _check_levels(self) -> None:
        if self.name not in ("threshold", "awstream"):
            return
        there = [name for name, read in SIGNALS.items() if self.place in READS_AT[read]]
        if self.watched not in there:
            raise InputError(
                f"a controller at the {self.place} cannot watch '{self.watched}'; it sees"
                f" {', '.join(there)}"
            )
        if self.name == "threshold" and self.high is None:
            raise InputError("'threshold' needs 'high', above which it takes a rung down")
        wanted = _UNIT_OF.get(self.watched, "frames")
        for key in ("high", "low"):
            level = getattr(self, key)
            if level is not None and level.of != wanted:
                raise InputError(
                    f"'{key}' of '{self.watched}' is a {wanted.rstrip('s')} level, such as"
                    f" {_LIKE[wanted]}"
                )
        high = HIGH_NS if self.high is None else self.high.number
        if self.low is not None and self.low.number > high:
            left_out = " (500 ms where it is left out)" if self.high is None else ""
            raise InputError(f"'low' lies above 'high'{left_out}; a rung up is taken below it")

    def _check_reads(self) -> None:
        for name in self.rule.reads if isinstance(self.rule, Own) else ():
            if self.place not in READS_AT[name]:
                there = [one for one, places in READS_AT.items() if self.place in places]
                raise InputError(
                    f"a controller at the {self.place} does not see '{name}'; it sees"
                    f" {', '.join(there)}"
                )
