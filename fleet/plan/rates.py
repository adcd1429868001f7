"""Frame rates: what equipment lowers them to, and their periods as fractions."""

from __future__ import annotations

from fractions import Fraction


def lower(rate: Fraction, most: Fraction | None) -> Fraction:
    """Return a frame rate, or the most that equipment captures if that is less."""
    return Fraction(rate) if most is None else min(Fraction(rate), most)


def period(rate: Fraction) -> tuple[int, int]:
    """Return (num, den): the period num/den ns of a frame rate, in lowest terms."""
    fraction = Fraction(1_000_000_000) / rate
    return fraction.numerator, fraction.denominator
