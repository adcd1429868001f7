"""Rates of links that follow files: steps of a table, or packet times, as steps of a run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.chance import Stream, name_hashes, stream_keys, uniform
from fleet.errors import InputError
from fleet.plan.table_file import TIME_UNITS_NS, exact, read_columns, unit_of
from fleet.scenario.city import MAX_ROWS
from fleet.scenario.link_rate import RateTrace
from fleet.scenario.load import Scenario

MS_NS = 1_000_000
MOST_CHANGES = 1_000_000
"""How often the rate of a link may change in a run."""
_LONGEST_NS = 2**61
PACKET_BITS = 12_000
"""What a line of a packet-time file stands for: 1,500 bytes (Mahimahi, mm-link(1))."""
PACKETS_EVERY_NS = 100 * MS_NS
_MOST_DIGITS = 10
"""Of a packet's time: some months of milliseconds."""
_RATE_UNITS = {"_gbit_s": 10**9, "_mbit_s": 10**6, "_kbit_s": 1000, "_bit_s": 1}
_TIME, _RATE = "time_s", "rate_mbit_s"


class Steps(NamedTuple):
    """A rate that changes in steps.

    Attributes:
        starts_ns: when each begins, the first 0; ns.
        bps: the rate of each, 0 for none; bit/s.
        length_ns: when the last ends, and the first begins anew if they repeat; ns.
        skip_ns: where in them a run begins; ns.
        random: whether links begin each somewhere else.
    """

    starts_ns: tuple[int, ...]
    bps: tuple[int, ...]
    length_ns: int
    skip_ns: int
    random: bool

    def within(self, end_ns: int, begin_ns: int) -> list[tuple[int, int]]:
        """Return when a run has which rate.

        Args:
            end_ns: end of the run.
            begin_ns: where in the steps it begins, before their end.

        Returns:
            (time, rate) of each change, the first at 0; ns and bit/s. `MOST_CHANGES` at most, and
            one more if there are more.
        """
        k = bisect_right(self.starts_ns, begin_ns) - 1
        told, past_ns = [(0, self.bps[k])], -begin_ns
        while len(told) <= MOST_CHANGES:
            k += 1
            if k == len(self.bps):
                k, past_ns = 0, past_ns + self.length_ns
                if len(self.bps) == 1:
                    break
            at = past_ns + self.starts_ns[k]
            if at >= end_ns:
                break
            if self.bps[k] != told[-1][1]:
                told.append((at, self.bps[k]))
        return told

    def most_bps(self, end_ns: int) -> int:
        """Return the highest rate in a run, or in all of them for links that begin anywhere."""
        if self.random:
            return max(self.bps)
        return max(bps for _, bps in self.within(end_ns, self.skip_ns))

    def begin_ns(self, link: str, seed: int, replication: int) -> int:
        """Return where in the steps a link begins; ns."""
        if not self.random:
            return self.skip_ns
        key = stream_keys(name_hashes([link]), seed, replication, Stream.RATE)[0]
        return (self.skip_ns + int(uniform(np.uint64(key), 0) * self.length_ns)) % self.length_ns


def read(scenario: Scenario, link: str, trace: RateTrace) -> Steps:
    """Return the steps of a file that a link follows.

    Args:
        scenario: whose run it is to hold.
        link: name of the link in the scenario.
        trace: the file and how it is read.

    Raises:
        InputError: it cannot be read, runs backwards, holds nothing, or ends before the run.
    """
    key, name = trace.named
    keys = ("links", link, "rate", key)
    path = scenario.file(name, *keys)
    try:
        starts_ns, bps, length_ns = (
            _packets(path, trace) if trace.file is None else _table(path, trace)
        )
    except InputError as error:
        raise scenario.error(keys, str(error)) from None
    steps = Steps(*_joined(starts_ns, bps), length_ns, trace.skip, trace.begin == "random")
    problem = _problem(steps, trace, scenario.model.duration)
    if problem:
        raise scenario.error(keys, f"'{name}' {problem}")
    return steps


def _problem(steps: Steps, trace: RateTrace, end_ns: int) -> str:
    """Return in words why some steps do not hold a run, or nothing."""
    length_s = f"{steps.length_ns / 1e9:.6g} s"
    if steps.length_ns <= steps.skip_ns:
        return f"is {length_s} long, of which 'skip' leaves nothing; skip less"
    if steps.length_ns < steps.skip_ns + end_ns and not trace.repeat:
        skipped = f" behind the {steps.skip_ns / 1e9:.6g} s of 'skip'" if steps.skip_ns else ""
        return (
            f"is {length_s} long and ends before the run of {end_ns / 1e9:.6g} s{skipped}; run"
            " shorter, or say 'repeat: true' to have it begin anew"
        )
    if not any(steps.bps):
        return "has no rate above 0; nothing could be sent"
    if steps.most_bps(end_ns) == 0:
        return "has no rate above 0 in the run; nothing could be sent"
    return ""


def _joined(
    starts_ns: tuple[int, ...], bps: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return steps of which those of the same rate, one after the other, are one."""
    changes = [k for k in range(len(bps)) if k == 0 or bps[k] != bps[k - 1]]
    return tuple(starts_ns[k] for k in changes), tuple(bps[k] for k in changes)


StepColumns = tuple[tuple[int, ...], tuple[int, ...], int]
"""What a file holds: when steps begin, their rates, and when the last ends."""


def _table(path: Path, trace: RateTrace) -> StepColumns:
    """Return the steps of a table; the last is as long as the one before it."""
    time, rate = trace.time or _TIME, trace.column or _RATE
    unit_ns, unit_bps = unit_of(time, TIME_UNITS_NS), unit_of(rate, _RATE_UNITS)
    columns = read_columns(path, [time, rate])
    at_ns = _whole(path, time, columns[time], unit_ns)
    bps = _whole(path, rate, columns[rate], unit_bps, _RATES)
    if len(at_ns) < 2:
        raise InputError(f"{path}: has one row; a rate that stays is 'rate: 5 Mbit/s'")
    for row, (before, after) in enumerate(pairwise(at_ns)):
        if after <= before:
            raise InputError(
                f"{path}: {time} in row {row + 2} is {columns[time][row + 1]}, and that in the row"
                f" before {columns[time][row]}; times go on, from row to row"
            )
    if at_ns[-1] - at_ns[0] > _LONGEST_NS:
        raise InputError(f"{path}: {time} is {columns[time][0]} to {columns[time][-1]}, too long")
    last_ns = at_ns[-1] - at_ns[-2]
    starts = tuple(at - at_ns[0] for at in at_ns)
    return starts, tuple(bps), starts[-1] + last_ns


class _Range(NamedTuple):
    """Which numbers a column may hold, and what they are in words."""

    least: int
    most: int
    words: str


_ANY = _Range(-(2**62), 2**62, "numbers")
_RATES = _Range(0, 10**15, "rates of 0 to 1000 Tbit/s")


def _whole(
    path: Path, column: str, values: Sequence[object], unit: int, allowed: _Range = _ANY
) -> list[int]:
    """Return the numbers of a column in whole units."""
    out = []
    for row, value in enumerate(values, start=1):
        number = exact(value, unit)
        if number is None or not allowed.least <= number <= allowed.most:
            shown = "empty or not a number" if value is None else repr(str(value))
            raise InputError(f"{path}: {column} in row {row} is {shown}; write {allowed.words}")
        out.append(int(number))
    return out


def _packets(path: Path, trace: RateTrace) -> StepColumns:
    """Return the mean rates of packet times; a packet at the very end counts before it."""
    at_ms = _packet_times_ms(path)
    every_ns, end_ns = trace.every or PACKETS_EVERY_NS, max(1, int(at_ms[-1])) * MS_NS
    if end_ns // every_ns > MAX_ROWS:
        raise InputError(
            f"{path}: {end_ns / 1e9:g} s in steps of 'every' {every_ns / 1e6:g} ms are more than"
            f" {MAX_ROWS:,}; take longer ones"
        )
    starts = np.arange(0, end_ns, every_ns)
    of = np.minimum(at_ms * MS_NS, end_ns - 1) // every_ns
    lengths = np.diff(np.append(starts, end_ns))
    packets = np.bincount(of, minlength=len(starts))
    bits = packets * PACKET_BITS
    bps = [b * 10**9 // ns for b, ns in zip(bits.tolist(), lengths.tolist(), strict=True)]
    return tuple(starts.tolist()), tuple(bps), end_ns


def _packet_times_ms(path: Path) -> Ints:
    """Return the times of a file of packets, which does not run backwards; ms."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}") from None
    if lines and not lines[-1].strip():
        lines.pop()
    if not 0 < len(lines) <= MAX_ROWS:
        raise InputError(f"{path}: needs 1 to {MAX_ROWS:,} lines, has {len(lines):,}")
    times: list[int] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            raise InputError(
                f"{path}:{number} is {text[:40]!r}; write whole milliseconds, one a line, each for"
                " a packet of 1,500 bytes"
            )
        if times and int(text) < times[-1]:
            raise InputError(f"{path}:{number} is {text}, before {times[-1]} in the line above")
        times.append(int(text))
    return np.array(times, dtype=np.int64)
