"""What follows from several numbers of a scenario and its catalogue must fit into 64 bits.

Each number alone has a range where it is read. Times are sums of a few dozen others, and energies
are summed as Python's integers; so it is enough that no time is longer than a thousand days, and
that what is sent of a frame, in 10⁻⁹ bits, fits (`fleet.model.link.service_ns`).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from fleet.catalog.ranges import LONGEST
from fleet.model.scene import SECOND_NS
from fleet.scenario.load import Scenario
from fleet.scenario.strict_yaml import Keys
from fleet.units import format_data_bit, format_rate_bps, time_ns

_DAY_NS = 86_400 * 10**9
LONGEST_NS = time_ns(LONGEST)
MOST_BITS = 9 * 10**9
"""Of what is sent for one frame, with what is sent again."""

MOST_BOOKS_BYTES = 64 * 10**9
"""Of the books that have a number for each second; they hold for ten links some 25 years."""

_FURTHEST_DRAW = {False: 3.5, True: 45.0}
"""How many deviations above its mean a size can be: near normal, exponential."""

_MOST_OBJECTS = 2000
"""More than ever come into view (`fleet.model.scene.MAX_MEAN`)."""


def check_times(scenario: Scenario, keys: Keys, name: str, row: Mapping[str, int | float]) -> None:
    """Refuse equipment of which a time is too long.

    Args:
        scenario: for the places of errors.
        keys: where the equipment was chosen.
        name: of the device with its model or codec.
        row: columns of the table of setups; times end in `_ns`.

    Raises:
        InputError: one is; says which.
    """
    for column, value in row.items():
        if column.endswith("_ns") and value > LONGEST_NS:
            raise scenario.error(
                keys,
                f"'{name}' would have {column.removesuffix('_ns')} of {_days(int(value))}, more"
                f" than {_days(LONGEST_NS)}; check its rows in the catalogue",
            )


def check_buffer(scenario: Scenario, link: str, buffer_bit: int, rate_bps: int) -> None:
    """Refuse a buffer that takes too long to be sent.

    Args:
        scenario: for the places of errors.
        link: name of the link in the scenario.
        buffer_bit: what its buffer holds.
        rate_bps: at which it sends; 0 if it never does.

    Raises:
        InputError: it does; says at which rate.
    """
    if rate_bps:
        holds_ns = buffer_bit * 1_000_000_000 // rate_bps
        if holds_ns > LONGEST_NS:
            raise scenario.error(
                ("links", link, "buffer"),
                f"{format_data_bit(buffer_bit, 3)} at {format_rate_bps(rate_bps, 3)} are sent"
                f" in {_days(holds_ns)}, more than {_days(LONGEST_NS)}; make it smaller, or the"
                " rate higher",
            )


def most_bytes(row: Mapping[str, int | float], mean: float) -> int:
    """Return the most bytes that a setup sends of a frame.

    Args:
        row: columns of the table of setups.
        mean: the most in the mean, over lights and kinds of frames, of a scene without objects.
    """
    variation = max(row["i_variation"], row["p_variation"])
    drawn = 1 + _FURTHEST_DRAW[bool(row["exponential_sizes"])] * variation
    objects = min(row["metadata_most"], _MOST_OBJECTS)
    each = 4 * row["metadata_per_object"] / 3 + row["pixels_per_object"]
    return int(mean * drawn + objects * each) + 1


def check_frame(scenario: Scenario, link: str, bits: int, times: int, whose: str) -> None:
    """Refuse a frame of which a link would have to send more than can be counted.

    Args:
        scenario: for the places of errors.
        link: name of the link or of its radios.
        bits: of the frame at most.
        times: how often each piece of it is sent at most.
        whose: group and equipment that send it, in words.

    Raises:
        InputError: it is too large.
    """
    if bits * times > MOST_BITS:
        raise scenario.error(
            ("links", link) if link in scenario.model.links else ("links",),
            f"'{link}' would send up to {format_data_bit(bits * times, 3)} of one frame of {whose},"
            f" more than {format_data_bit(MOST_BITS, 3)}; check the sizes of frames, and how often"
            " a link tries, in the catalogue",
        )


def check_length(scenario: Scenario) -> None:
    """Refuse a run of which what is counted second by second takes too much memory.

    Raises:
        InputError: it does; says how much.
    """
    model = scenario.model
    seconds = -(-model.duration // SECOND_NS)
    rows = len(model.links) + 2 * len(model.sensors) + len(model.regions) + 1
    if seconds * rows * 8 > MOST_BOOKS_BYTES:
        raise scenario.error(
            ("duration",),
            f"{seconds:,} seconds would be counted one by one for {rows} classes of links, groups"
            f" and regions, which takes {seconds * rows * 8 / 1e9:,.0f} GB for each arm, more than"
            f" {MOST_BOOKS_BYTES / 1e9:.0f} GB; make it shorter",
        )


def check_period(scenario: Scenario, keys: Keys, period: tuple[int, int]) -> None:
    """Refuse a frame rate whose frame times would leave 64 bits before the end of the run.

    Args:
        scenario: for its duration and the places of errors.
        keys: where the rate is stated.
        period: numerator and denominator; ns.

    Raises:
        InputError: it is too fine.
    """
    num, den = period
    if scenario.model.duration * den + num >= 2**62:
        raise scenario.error(
            keys,
            f"the period {num}/{den} ns is too fine for a run of this length; round the rate",
        )


def share_of(share: Fraction) -> tuple[int, int]:
    """Return a share as a numerator and a denominator of 64 bits, the nearest there is."""
    if max(share.numerator, share.denominator) >= 2**62:
        share = share.limit_denominator(10**12)
    return share.numerator, share.denominator


def _days(time_ns: int) -> str:
    return f"{time_ns // _DAY_NS:,} d"
