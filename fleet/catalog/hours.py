"""How grids go with the clock: mean intensity by month and hour in UTC (`hours.csv`).

The grids are items of `carbon`, whose `intensity` is the mean of these numbers over the year; there
are source, year and range. Numbers are means of 2020 from ENTSO-E's production and life-cycle
factors of the IPCC, in what belongs to Wiesner et al., "Let's Wait Awhile" (Middleware 2021, doi
10.1145/3464298.3493399). Its authors state no licence for their files and no time zone: hours are
taken as UTC, since none is left out on 29 March 2020, when European clocks skipped one, and since
Germany's dip by the sun lies about 11:30 in summer, which is noon of the sun in UTC.
"""

from __future__ import annotations

import csv
import functools
import io
from importlib import resources

ZONES = {"deu-2020": "Europe/Berlin", "fra-2020": "Europe/Paris", "gbr-2020": "Europe/London"}
"""The time zone of each, for scenarios that name none."""
COLUMNS = ("grid", "month", "hour_utc", "g_per_kwh")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Of the months of 2020."""


@functools.cache
def by_hour() -> dict[str, tuple[tuple[float, ...], ...]]:
    """Return the intensity of each grid by month from January and hour from 0:00 UTC; gCO2e/kWh."""
    text = resources.files(__package__).joinpath("hours.csv").read_text("utf-8")
    held: dict[str, dict[tuple[int, int], float]] = {}
    for row in csv.DictReader(io.StringIO(text, newline="")):
        held.setdefault(row["grid"], {})[int(row["month"]), int(row["hour_utc"])] = float(
            row["g_per_kwh"]
        )
    return {
        grid: tuple(tuple(known[month, hour] for hour in range(24)) for month in range(1, 13))
        for grid, known in held.items()
    }


def year_mean(grid: str) -> float:
    """Return the mean of a grid over the year, in tenths as in `carbon`; gCO2e/kWh."""
    months = by_hour()[grid]
    hours = sum(days * sum(month) for days, month in zip(_DAYS, months, strict=True))
    return round(hours / (24 * sum(_DAYS)), 1)
