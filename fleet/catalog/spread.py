"""What numbers of the catalogue may be: their ranges as distributions, and rows drawn from these.

A number with a range (low < high) is a random quantity between its ends. Its shape follows from how
it is known, its scale from how wide it is:

    measured, vendor, derived   triangular: likeliest at the value
    estimate                    uniform: nobody has measured, so no place in the range is likelier
    high > 10 * low > 0         the same of its logarithm

Numbers are drawn independently of each other, each once for the whole world: what stands in one row
is one number in every arm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import cached_property

import fleet.units as units
from fleet.catalog.rows import TEXT, WHOLE_UNITS, Key, Row, dimension_of
from fleet.catalog.table import Catalog
from fleet.units import Dimension

_WIDE, _LEAST = 10.0, 1e-30
_FINEST = {
    Dimension.TIME: "ns", Dimension.RATE: "bit/s", Dimension.POWER: "uW", Dimension.ENERGY: "nJ",
}  # fmt: skip
"""Units in which numbers of a dimension are whole."""


class Shape(StrEnum):
    """How likely the places of a range are."""

    TRIANGULAR = "triangular"
    UNIFORM = "uniform"
    LOG_TRIANGULAR = "log-triangular"
    LOG_UNIFORM = "log-uniform"


@dataclass(frozen=True)
class Spread:
    """A number of the catalogue that has a range.

    Attributes:
        key: where it stands: kind, item, parameter.
        row: the row.
    """

    key: Key
    row: Row

    @property
    def name(self) -> str:
        """Return how it is called: `item.parameter`."""
        return f"{self.row.item}.{self.row.parameter}"

    @property
    def ends(self) -> tuple[float, float]:
        """Return the ends of the range, in the unit of the row."""
        return float(self.row.low), float(self.row.high)

    @property
    def value(self) -> float:
        """Return the number that stands there, in the unit of the row."""
        return float(self.row.value)

    @cached_property
    def shape(self) -> Shape:
        """Return how likely the places of the range are."""
        low, high = self.ends
        is_wide = 0 < low * _WIDE < high
        if self.row.confidence == "estimate":
            return Shape.LOG_UNIFORM if is_wide else Shape.UNIFORM
        return Shape.LOG_TRIANGULAR if is_wide else Shape.TRIANGULAR

    @property
    def is_log(self) -> bool:
        """Return whether places are likely by their logarithm."""
        return self.shape in (Shape.LOG_UNIFORM, Shape.LOG_TRIANGULAR)

    def quantile(self, u: float) -> float:
        """Return the number below which it is with a probability of `u`; 0 and 1 are the ends."""
        low, value, high = (
            math.log(x) if self.is_log else x for x in (self.ends[0], self.value, self.ends[1])
        )
        width, rise = high - low, (value - low) / (high - low)
        if self.shape in (Shape.UNIFORM, Shape.LOG_UNIFORM):
            x = low + u * width
        elif u < rise:
            x = low + width * math.sqrt(u * rise)
        else:
            x = high - width * math.sqrt((1 - u) * (1 - rise))
        x = math.exp(x) if self.is_log else x
        return min(max(x, self.ends[0]), self.ends[1])

    def between(self, one: float, other: float) -> float:
        """Return the middle of two numbers: of their logarithms, if it is likely by these."""
        return math.sqrt(one * other) if self.is_log else (one + other) / 2

    def at(self, number: float) -> Row:
        """Return the row with another number, to the finest step that its unit can hold."""
        if self.row.unit in WHOLE_UNITS:
            return replace(self.row, value=str(round(number)))
        dimension = dimension_of(self.row.unit, self.name)
        finest = _FINEST.get(dimension, "B" if dimension is Dimension.DATA else None)
        if finest is None:
            text = f"{number:.9g}" if number > _LEAST else "0"
            if Fraction(text) <= Fraction(self.row.low):  # rounded beyond an end
                text = self.row.low
            elif Fraction(text) >= Fraction(self.row.high):
                text = self.row.high
            return replace(self.row, value=text)
        whole = Fraction(units.parse(f"{self.row.high} {self.row.unit}", dimension))
        scale = whole / Fraction(self.row.high) / units.parse(f"1 {finest}", dimension)
        low, value, high = (
            str(round(Fraction(x) * scale)) for x in (self.row.low, number, self.row.high)
        )
        return replace(self.row, value=value, unit=finest, low=low, high=high)


def spreads(catalog: Catalog, used: Iterable[Row]) -> tuple[Spread, ...]:
    """Return the numbers with a range among some rows of a catalogue, by kind, item, parameter."""
    wanted = {row for row in used if row.unit != TEXT and row.low and row.high}
    return tuple(
        Spread(key, row)
        for key, row in sorted(catalog.all_rows().items())
        if row in wanted and float(row.low) < float(row.high)
    )
