"""The clock table: how each sensor's capture times are found."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from fleet.errors import InputError
from fleet.plan.columns import Ints
from fleet.plan.placing import Placed
from fleet.plan.timetable import period
from fleet.scenario.city import MAX_ROWS
from fleet.scenario.load import Scenario
from fleet.scenario.schema import Capture, SensorGroup, TraceCapture
from fleet.scenario.strict_yaml import Keys
from fleet.stages import capture

_UNITS_NS = {"_ns": 1, "_us": 1_000, "_ms": 1_000_000, "_s": 1_000_000_000}


def clock_table(
    scenario: Scenario, placed: list[Placed], rates: Sequence[Fraction], phase: np.ndarray
) -> tuple[Ints, Ints]:
    """Return (clock table, times of all traces).

    Args:
        scenario: what the user says.
        placed: the sensors.
        rates: frames a second of each.
        phase: of each in [0, 1) periods.

    Raises:
        InputError: a trace cannot be read.
    """
    table = np.zeros((len(placed), capture.CLOCK_WIDTH), dtype=np.int64)
    traces = _Traces(scenario)
    for s, sensor in enumerate(placed):
        spec = scenario.model.sensors[sensor.group]
        num, den = period(rates[s])
        own = ("sensors", sensor.group, "rate")
        _check_range(scenario, own if rates[s] == spec.rate else ("arms",), num, den)
        table[s, [capture.NUM, capture.DEN]] = num, den
        if isinstance(spec.capture, Capture):
            table[s, capture.KIND] = capture.TRACE
            begin, end = traces.span(sensor, spec)
            table[s, [capture.FIRST, capture.TRACE_END]] = begin, end
        elif spec.capture == "poisson":
            table[s, capture.KIND] = capture.POISSON
        else:
            table[s, capture.ANCHOR] = int(phase[s] * (num / den))
    return table, traces.joined()


def _check_range(scenario: Scenario, keys: Keys, num: int, den: int) -> None:
    """Refuse a rate whose frame times would leave 64 bits before the end of the run."""
    end_ns = scenario.model.duration
    if end_ns * den + num >= 2**62:
        raise scenario.error(
            keys,
            f"the period {num}/{den} ns is too fine for a run of this length; round the rate",
        )


class _Traces:
    """The traces of a scenario, each read once and laid end to end."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.parts: list[Ints] = []
        self.length = 0
        self.spans: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}

    def span(self, sensor: Placed, spec: SensorGroup) -> tuple[int, int]:
        """Return where a sensor's times are among all times."""
        assert isinstance(spec.capture, Capture)
        trace = spec.capture.trace
        key = (trace.file, f"{trace.column}/{trace.sensor}")
        if key not in self.spans:
            keys = ("sensors", sensor.group, "capture", "trace")
            self.spans[key] = self._read(trace, keys)
        spans = self.spans[key]
        return spans.get(sensor.name, (0, 0)) if trace.sensor else spans[""]

    def _read(self, trace: TraceCapture, keys: tuple[str, ...]) -> dict[str, tuple[int, int]]:
        unit_ns = next((u for end, u in _UNITS_NS.items() if trace.column.endswith(end)), None)
        if unit_ns is None:
            raise self.scenario.error(
                (*keys, "column"), f"'{trace.column}' must end in its unit: {', '.join(_UNITS_NS)}"
            )
        path = self.scenario.file(trace.file, *keys, "file")
        columns = [trace.column] + ([trace.sensor] if trace.sensor else [])
        table = read_columns(path, columns)
        times = _times_ns(path, trace.column, table[trace.column], unit_ns)
        owners = [str(v) for v in table[trace.sensor]] if trace.sensor else [""] * len(times)
        by_owner: dict[str, list[int]] = {}
        for owner, at in zip(owners, times, strict=True):
            by_owner.setdefault(owner, []).append(at)
        return {owner: self._append(path, values) for owner, values in by_owner.items()}

    def _append(self, path: Path, values: list[int]) -> tuple[int, int]:
        part = np.array(sorted(values), dtype=np.int64)
        if (np.diff(part) == 0).any():
            raise InputError(f"{path}: a capture time stands twice for one sensor; remove one")
        begin = self.length
        self.parts.append(part)
        self.length += len(part)
        return begin, self.length

    def joined(self) -> Ints:
        """Return all times."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self.parts])


def read_columns(path: Path, columns: list[str]) -> dict[str, list[object]]:
    """Return some columns of a CSV or Parquet file.

    Raises:
        InputError: the file or a column cannot be read, or it is too long.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path, columns=columns)
        elif path.suffix == ".csv":
            options = pyarrow.csv.ConvertOptions(include_columns=columns)
            table = pyarrow.csv.read_csv(path, convert_options=options)
        else:
            raise InputError(f"{path}: a trace is a .csv or a .parquet file")
    except (pa.ArrowException, KeyError, OSError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{path}: cannot read {', '.join(columns)}: {first}") from None
    missing = [c for c in columns if c not in table.column_names]
    if missing or table.num_rows == 0 or table.num_rows > MAX_ROWS:
        raise InputError(
            f"{path}: needs 1 to {MAX_ROWS} rows with {', '.join(columns)}; has"
            f" {table.num_rows} rows with {', '.join(table.column_names)}"
        )
    return {c: table.column(c).to_pylist() for c in columns}


def _times_ns(path: Path, column: str, values: list[object], unit_ns: int) -> list[int]:
    out = []
    for row, value in enumerate(values):
        if not isinstance(value, (int, float)) or not 0 <= value * unit_ns < 2**62:
            raise InputError(
                f"{path}: {column} in row {row + 1} is {value!r}; times count from the start and"
                " are not negative"
            )
        out.append(round(value * unit_ns))
    return out
