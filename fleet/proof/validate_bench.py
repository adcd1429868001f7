"""A bench to measure the model on: small scenarios, run by the engine that runs all others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fleet.arrays import Floats, Ints
from fleet.catalog import Catalog, Row
from fleet.engine.energy import account
from fleet.model.frames import FATE, FRAME, RESULT, SENSOR
from fleet.model.power import StateEnergy
from fleet.passing import passing_folder
from fleet.plan.compile import compile_plan
from fleet.plan.plan import Plan
from fleet.running.options import ExecutorKind, Options
from fleet.running.run import Outcome, simulate
from fleet.scenario.load import loads

Key = tuple[str, str, str]
"""Kind, item and parameter of a number of the catalogue."""

Value = tuple[str, str, str, str]
"""Kind, item, parameter and value of a number of the catalogue, in the unit that it has there."""

WIDE = {"rate": "1 Tbit/s", "propagation": "0 ns", "buffer": "1 GB"}
"""What makes a link take no time worth counting."""

QUERY = {"device": "load-generator", "codec": "query"}
"""Equipment that sends frames of one size as fast as a test asks."""

_PEOPLE_PER_H = 360_000
_DWELL_S = 0.2  # so short that each second sees other people: many independent draws
_RUN = Options(executor=ExecutorKind.local, keep=True)


@dataclass(frozen=True)
class Bench:
    """A catalogue to measure with.

    Attributes:
        rows: what hardware does: the rows of the catalogue.
        objects: how many objects are in view on average.
    """

    rows: Mapping[Key, Row]
    objects: float = 0.0

    @staticmethod
    def load(extra: Iterable[Path] = ()) -> Bench:
        """Return a bench with the packaged catalogue, a user's files, and what tests need.

        The load generator is a camera without limits, as MLPerf's LoadGen is; its codec makes all
        frames alike. The clip camera takes pictures of the size of the encoded clip, the small one
        of that of rendered scenes; neither removes noise, for what was encoded was not filtered.
        """
        bench = Bench(_rows(Catalog.load(list(extra))))
        bench = bench.copied(
            "cameras", "ip-camera-1080p", "load-generator", sense="0", encode_h264="0",
            frame_rate_max="10000",
        )  # fmt: skip
        bench = bench.copied("codecs", "h264-crf36", "query", gop="1", i_variation="0")
        for name, width, height in (("clip", "768", "576"), ("small", "640", "480")):
            bench = bench.copied(
                "cameras", "ip-camera-1080p", name, width=width, height=height, noise_kept="1"
            )
        return bench.copied("cameras", "ip-camera-1080p", "camera-720p", width="1280", height="720")

    def copied(self, kind: str, item: str, name: str, **values: str) -> Bench:
        """Return a bench that knows a copy of an item under another name, with other values."""
        copies = {
            (kind, name, row.parameter): replace(row, item=name)
            for (k, i, _), row in self.rows.items()
            if (k, i) == (kind, item)
        }
        bench = replace(self, rows={**self.rows, **copies})
        return bench.having(*((kind, name, p, value) for p, value in values.items()))

    def having(self, *values: Value) -> Bench:
        """Return a bench with other values in its catalogue."""
        changed = {
            (kind, item, parameter): replace(self.rows[kind, item, parameter], value=value)
            for kind, item, parameter, value in values
        }
        return replace(self, rows={**self.rows, **changed})

    def seeing(self, objects: float) -> Bench:
        """Return a bench where so many objects are in view on average."""
        leaving = 1.0 - float(np.exp(-1.0 / _DWELL_S))
        share = objects * leaving * 3600 / _PEOPLE_PER_H
        bench = self.having(
            ("apps", "watch", "share", f"{share:.9f}"), ("apps", "watch", "dwell", str(_DWELL_S))
        )
        return replace(bench, objects=objects)

    def plan(self, data: Mapping[str, Any]) -> Plan:
        """Return the plan of the only arm of a scenario.

        Raises:
            InputError: the catalogue or a check does not allow it.
        """
        if not self.objects:
            return self._compiled(data, "bench")
        with passing_folder() as folder:
            (folder / "demand.csv").write_text(_demand(), "utf-8")
            city = {"demand": "demand.csv"}
            return self._compiled({**data, "city": city}, str(folder / "bench"))

    def _compiled(self, data: Mapping[str, Any], name: str) -> Plan:
        return compile_plan(loads(json.dumps(data), name), Catalog(dict(self.rows)), "test")

    def run(self, data: Mapping[str, Any]) -> Measured:
        """Return what running the only arm of a scenario gave."""
        return Measured(simulate(self.plan(data), _RUN))


class Measured:
    """The results of a run, as tests need them.

    Attributes:
        outcome: of the run.
        rows: finished results, ordered by sensor and frame; columns of `fleet.model.frames`.
    """

    def __init__(self, outcome: Outcome) -> None:
        """Sort the frames that the run kept."""
        self.outcome = outcome
        kept = outcome.tally.rows()
        rows = kept[kept[:, FATE] == RESULT]
        self.rows: Ints = rows[np.lexsort((rows[:, FRAME], rows[:, SENSOR]))]

    @property
    def seconds(self) -> float:
        """Return the simulated time."""
        return self.outcome.plan.end_ns * 1e-9

    def ms(self, begin: int, end: int) -> Floats:
        """Return the time of each result between two columns; ms."""
        return np.asarray((self.rows[:, end] - self.rows[:, begin]) * 1e-6, dtype=np.float64)

    def state(self, component: str, *states: str) -> StateEnergy:
        """Return time and energy of some states of a component, of all if none is named."""
        booked = [
            s
            for s in account(self.outcome.plan, self.outcome.tally)
            if s.component == component and (not states or s.state in states)
        ]
        return StateEnergy(
            component, " + ".join(states), sum(s.time_ns for s in booked),
            sum(s.energy_fj for s in booked),
        )  # fmt: skip

    def watts(self, component: str, *states: str) -> float:
        """Return the mean power of some states of a component, of all if none is named; W."""
        return self.state(component, *states).energy_fj * 1e-6 / self.outcome.plan.end_ns


def scenario(
    duration_s: float, sensors: Mapping[str, Any], arm: Mapping[str, Any], *,
    link: Mapping[str, Any] | None = None, cloud: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return a scenario of one group of sensors, each with one link to the cloud."""
    port = {"technology": "poe", **WIDE} if link is None else link
    return {
        "name": "bench",
        "seed": 7,
        "start": "2024-05-16T17:00",
        "light": "day",
        "inference": "constant",  # what is published says how many objects there are
        "duration": f"{round(duration_s * 1e9)} ns",
        "sensors": {"s": {"count": 1, "app": "watch", "uplink": "port", **sensors}},
        "links": {"port": {"shared_by": "sensor", "to": "cloud", **port}},
        "cloud": {"server": "t4", "decode": False, **(cloud or {})},
        "arms": {"test": dict(arm)},
        **more,
    }


Measure = Callable[[Bench, str, float], float]
"""Returns what the model gives for a figure, given a bench, its id and the published value."""


def _rows(catalog: Catalog) -> dict[Key, Row]:
    return {
        (kind, item, row.parameter): row
        for kind in catalog.kinds()
        for item in catalog.items(kind)
        for row in catalog.rows(kind, item)
    }


def _demand() -> str:
    """Return a table of demand that is the same at all hours."""
    lines = ["counter,day,hour,mean_per_h"]
    for day in ("weekday", "weekend"):
        lines += [f"all,{day},{hour},{_PEOPLE_PER_H}" for hour in range(24)]
    return "\n".join(lines) + "\n"
