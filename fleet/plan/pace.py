"""How fast a device can capture, by its catalogue rows."""

from __future__ import annotations

from fractions import Fraction

from fleet.catalog import Reader
from fleet.scenario.load import Scenario
from fleet.scenario.strict_yaml import Keys


def check_rate(
    scenario: Scenario, reader: Reader, of: tuple[str, str, str], keys: Keys, fastest: Fraction
) -> None:
    """Refuse a frame rate that a device does not capture.

    Args:
        scenario: for the places of errors.
        reader: the catalogue.
        of: kind, item and mode of the device.
        keys: where it was chosen.
        fastest: the highest frame rate that it is ever asked for.

    Raises:
        InputError: it is too high; says what is the most.
    """
    kind, device, mode = of
    most = reader.frame_rate(kind, device, f"frame_rate_max{mode}")
    read_ns = reader.time_ns(kind, device, f"readout{mode}" if mode else "sense")
    if read_ns > 1:  # frames cannot come faster than their pixels are read out, to the nanosecond
        most = min(most, Fraction(1_000_000_000, read_ns - 1))
    if fastest > most:
        how = f" in mode '{mode[1:]}'" if mode else ""
        told = _apart(float(most), float(fastest))
        raise scenario.error(
            (*keys, "device"),
            f"'{device}' captures at most {told[0]} fps{how}, asked {told[1]} fps; lower the rate"
            " or take another device",
        )


def _apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers that differ with as many digits as it takes to tell them apart."""
    digits = next(n for n in range(6, 18) if f"{one:.{n}g}" != f"{other:.{n}g}")
    return f"{one:.{digits}g}", f"{other:.{digits}g}"
