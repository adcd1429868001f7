"""Losses of a link that come in bursts: how much is lost when, and how long that lasts."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import ConfigDict, model_validator

from fleet.catalog.ranges import LONGEST
from fleet.errors import InputError
from fleet.scenario.quantities import (
    LossOrAll,
    Model,
    PartOrNone,
    PeriodNs,
    given,
    left_out,
    says,
)
from fleet.units import format_time_ns, time_ns

_LEAST_NS, _MOST_NS = 1_000_000, time_ns(LONGEST)


class Bursts(Model):
    """A link that is good and bad in turn, each for random times (Gilbert and Elliott).

    How long it is good in the mean is `gap`, or follows from the `mean` loss.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"allOf": [given("mean"), left_out("gap")]},
                {"allOf": [given("gap"), left_out("mean")]},
            ]
        }
    )

    burst: Annotated[PeriodNs, says("how long it is bad, in the mean", "200 ms")]
    mean: Annotated[
        PartOrNone | None, says("segments lost in the long run", "1 %", "`gap` is given")
    ] = None
    gap: Annotated[
        PeriodNs | None, says("how long it is good, in the mean", "20 s", "`mean` is given")
    ] = None
    bad: Annotated[LossOrAll, says("segments lost while it is bad", "60 %")] = Fraction(1)
    good: Annotated[LossOrAll, says("segments lost while it is good", "0.1 %")] = Fraction(0)

    @model_validator(mode="after")
    def _sound(self) -> Bursts:
        if (self.mean is None) == (self.gap is None):
            raise InputError("give either 'mean' (loss) or 'gap' (how long it is good)")
        if not self.good < self.bad:
            raise InputError(
                f"'good' of {float(self.good):.6g} is no less than 'bad' of {float(self.bad):.6g};"
                " a link that always loses as much is 'loss: 1 %'"
            )
        if self.mean is not None and not self.good < self.mean < self.bad:
            raise InputError(
                f"'mean' of {float(self.mean):.6g} is not between 'good' of {float(self.good):.6g}"
                f" and 'bad' of {float(self.bad):.6g}, of which it is made"
            )
        if not _LEAST_NS <= self.gap_ns <= _MOST_NS:
            raise InputError(
                f"between bursts of {format_time_ns(self.burst)} it would be good for"
                f" {self.gap_ns / 1e6:.6g} ms, which must be 1 ms to {LONGEST}; take another 'mean'"
                " or 'burst'"
            )
        return self

    @property
    def gap_ns(self) -> int:
        """Return how long it is good in the mean; ns."""
        if self.gap is not None:
            return self.gap
        share = (Fraction(self.mean or 0) - self.good) / (self.bad - self.good)
        return int(self.burst * (1 - share) / share)

    @property
    def loss(self) -> Fraction:
        """Return the share of segments that is lost in the long run."""
        share = Fraction(self.burst, self.burst + self.gap_ns)
        return Fraction(self.good) + share * Fraction(self.bad - self.good)
