"""Arms that adapt while they run: a ladder of settings, and who says which of them holds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from fleet.errors import InputError
from fleet.model.ladder import AT_REGION, AT_SITE, OUTSIDE, READS_AT, SIGNALS
from fleet.scenario.asking import When
from fleet.scenario.levels import MOST_RUNGS, LevelsOf, RungsByHour, check_steps
from fleet.scenario.publish import Publish
from fleet.scenario.quantities import (
    FUNCTION,
    Codec,
    Count,
    DataBit,
    FrameRate,
    Model,
    PeriodNs,
    RateBps,
    says,
)


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
    "backlog_ns", "waiting", "dropped", "period_ns", "rung_bps", "clock_s", "weekday",
    "grid_mg_per_kwh", "price_usd_per_gwh",
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


_WORD_BYTES = 64
HIGH_NS = 500_000_000
"""What `high` of `awstream` is where it is left out."""
_KEYS = {
    "threshold": {"watch", "high", "low", "calm"},
    "back-pressure": {"queue"},
    "awstream": {"high", "low", "calm"},
    "carbon": {"high", "low"},
    "price": {"high", "low"},
    "clock": {"hours"},
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
        Literal["threshold", "back-pressure", "awstream", "carbon", "price", "clock"] | Own,
        BeforeValidator(_rule),
        says("how a controller decides, by name or as a function of one's own", "threshold"),
    ]
    every: Annotated[
        PeriodNs | None,
        says("from one look of a controller to the next", "1 s", "needed, but of clock: no looks"),
    ] = None
    at: Annotated[
        Literal["region", "site"] | None,
        says(
            "where controllers are, and so what they see",
            "site",
            "region; awstream and clock: site",
        ),
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
        LevelsOf | None,
        says(
            "above it a rung down; of carbon and price one for each rung of `ladder`",
            "300 ms",
            "needed, but of awstream: 500 ms",
        ),
    ] = None
    low: Annotated[
        LevelsOf | None,
        says(
            "at or below it calm, and in the end a rung up",
            "100 ms",
            "half of `high`; of carbon and price `high`",
        ),
    ] = None
    hours: Annotated[
        RungsByHour | None,
        says(
            "rungs by the local clock, each until the next hour",
            {"07:00": 1, "19:00": 0},
            "only `events` with `ladder` say rungs",
        ),
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
        return self.at or (AT_SITE if self.name in ("awstream", "clock") else AT_REGION)

    @property
    def lows(self) -> tuple[int, ...]:
        """Return the lower level of each rung, of a rule with one for each."""
        levels = self.high if self.low is None else self.low
        return tuple(level.number for level in levels or ())

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
        self._check_looks()
        self._check_levels()
        self._check_reads()
        self._check_ladder()
        return self

    def _check_looks(self) -> None:
        """Refuse a clock that looks, and anything else that does not."""
        if self.name != "clock":
            if self.every is None:
                raise InputError(f"'{self.name}' needs 'every', from one look to the next: '1 s'")
            return
        if self.every is not None:
            raise InputError("'clock' says rungs at its hours and looks at nothing; remove 'every'")
        if self.shared_by != "sensor":
            raise InputError("'clock' is in each sensor by itself; remove 'shared_by'")
        lowest = max(self.hours or (0,))
        if lowest > len(self.ladder):
            raise InputError(
                f"'hours' has rung {lowest}, and the last of the ladder is {len(self.ladder)}"
            )

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
        if self.name in OUTSIDE:
            if self.high is None:
                raise InputError(
                    f"'{self.name}' needs 'high', above which it takes a rung down: one level for"
                    " each rung of 'ladder'"
                )
            check_steps(self.name, self.high, self.low or self.high, len(self.ladder))
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
            levels = getattr(self, key)
            if levels is not None and [level.of for level in levels] != [wanted]:
                raise InputError(
                    f"'{key}' of '{self.watched}' is a {wanted.rstrip('s')} level, such as"
                    f" {_LIKE[wanted]}"
                )
        high = HIGH_NS if self.high is None else self.high[0].number
        if self.low is not None and self.low[0].number > high:
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
