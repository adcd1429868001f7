"""A third account of a run: its numbers once more, from its frames alone.

Both engines run one plan and count into the same books. What is wrong in a setup, or in how the
books are read, is the same in both, and comparing them does not find it. Here nothing is read but
the frames that `--frames` writes, the scenario and the catalogue: what a device, a network and a
link are is worked out again from their rows (`fleet.proof.account_rows`), and what each frame took
is added up.

What is reckoned is exact, or lies between two bounds where frames under way at the end may have
left a port before it. What frames do not tell is left out: promotions and tails of radios, what was
sent again, how long sending takes where the rate changes, queues, servers; and the bytes of
pictures whose results were sent on in their place by servers at an edge. Sensors that pass frames
on to servers are not reckoned at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from fleet.errors import InputError
from fleet.model.frames import LOST_CAUSES, SKIP_CAUSES
from fleet.plan import timetable
from fleet.plan.calendar import moments_ns
from fleet.plan.capture_times import COARSEST_NS
from fleet.plan.compile import catalogue
from fleet.plan.equipment import choose
from fleet.plan.placing import arm_of_each
from fleet.plan.roster import Placed, firsts, place_sensors
from fleet.proof.account_frames import Piece, overlap_ns
from fleet.proof.account_rows import SECOND_NS, Kit, way
from fleet.scenario.event import Event
from fleet.scenario.load import Scenario
from fleet.scenario.sensors import Capture

FJ_PER_W_NS = 10**6
"""A watt for a nanosecond."""
ROUNDING = 1e-12
"""Share by which a power in the summary, a float, may differ from whole fJ over the run."""


@dataclass(frozen=True)
class Line:
    """A number of the summary, and what the frames say.

    Attributes:
        name: where it stands in the summary, such as 'power_states_w.sensor.sensing'.
        low, high: the least and the most that it can be.
        booked: what the summary says, in the same unit: frames, bytes or fJ.
        slack: what rounding may change.
    """

    name: str
    low: int
    high: int
    booked: float
    slack: float = 0.0

    @property
    def agrees(self) -> bool:
        """Return whether the summary is as the frames say."""
        return self.low - self.slack <= self.booked <= self.high + self.slack


def compared(
    summary: Mapping[str, Any], frames: pa.Table, scenario: Scenario, arm: str, replication: int = 0
) -> list[Line]:
    """Return the numbers of an arm beside what its frames say.

    Args:
        summary: of the arm in the replication (`fleet.results.metrics.summarise`).
        frames: what `--frames` writes of it (`fleet.results.store.frame_table`).
        scenario: what was run, to its end.
        arm: the arm; not one of a placement in Python.
        replication: its number.
    """
    account = _Account(frames, scenario, arm, replication)
    per_w = (account.end_ns - account.since_ns) * FJ_PER_W_NS
    exact = account.counts() | account.sent()
    lines = [Line(name, n, n, _at(summary, name)) for name, n in exact.items()]
    lines += [Line(f"frames with another {what}", 0, 0, n) for what, n in account.odd().items()]
    for state, span in account.energy_fj().items():
        booked = _at(summary, f"power_states_w.{state}") * per_w
        lines.append(Line(f"power_states_w.{state}", *span, booked, ROUNDING * booked))
    return lines


def _at(summary: Mapping[str, Any], name: str) -> float:
    node: Any = summary
    for key in name.split("."):
        node = node[key]
    return float(node)


Span = tuple[int, int]
"""The least and the most that a number can be."""


def _ran(setup: str) -> str:
    """Return what inferred or encoded, of the name of a setup: device, network or codec, rung."""
    return setup.partition(" ")[2].partition(" (")[0]


class _Account:
    """What the frames of an arm say."""

    def __init__(self, frames: pa.Table, scenario: Scenario, arm: str, replication: int) -> None:
        self.scenario, self.reader = scenario, catalogue(scenario).reader()
        self.replication, self.end_ns = replication, scenario.model.duration
        self.since_ns = scenario.model.warm_up_ns
        self.placed = place_sensors(scenario)
        names, arms = arm_of_each(scenario, arm, self.placed)
        equipped = {self.placed.group(s): names[arms[s]] for s in firsts(self.placed.group_of)}
        chosen = [choose(scenario, of, g) for g, of in equipped.items()]
        crops = any(one.pipeline is not None and one.pipeline.infer is not None for one in chosen)
        if crops or any(one.ask is not None or one.split is not None for one in chosen):
            raise InputError(
                f"arm '{arm}' passes frames on to servers ('ask', 'split', crops of a 'pipeline'),"
                " which the third account does not know; take another arm"
            )
        self.kits = {g: Kit(scenario, self.reader, of, g) for g, of in equipped.items()}
        self.fates = frames["fate"].to_pylist()
        self.captured_ns = frames["capture_ns"].to_numpy()
        self.parts = list(self._parts(frames))
        self.ran = [part for part in self.parts if part.what]

    def _parts(self, frames: pa.Table) -> Iterator[Piece]:
        index = {name: i for i, name in enumerate(self.placed.names)}
        sensor = np.array([index[name] for name in frames["sensor"].to_pylist()], dtype=np.int64)
        group = np.array(self.placed.groups)[self.placed.group_of[sensor]]
        setup = np.array([name or "" for name in frames["setup"].to_pylist()], dtype=str)
        texts = ("sensor", "setup", "fate")
        columns = {n: frames[n].to_numpy() for n in frames.column_names if n not in texts}
        flying = np.array([fate == "in_flight" for fate in self.fates], dtype=np.int64)
        columns |= {"sensor": sensor, "flying": flying}
        for g, kit in self.kits.items():
            traced = isinstance(self.scenario.model.sensors[g].capture, Capture)
            hops = way(self.scenario, self.reader, g)
            for text in np.unique(setup[group == g]).tolist():
                mine = (group == g) & (setup == text)
                yield Piece(
                    kit, hops, _ran(text), COARSEST_NS if traced else 0, self.since_ns,
                    {name: values[mine] for name, values in columns.items()},
                )  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Return the frames by fate."""
        causes = {"skipped": SKIP_CAUSES, "lost": LOST_CAUSES}
        return {
            "frames.captured": int((self.captured_ns >= self.since_ns).sum()),
            "frames.in_flight_before": int((self.captured_ns < self.since_ns).sum()),
            "frames.in_flight": self.fates.count("in_flight"),
            "frames.results": self.fates.count("result"),
            **{
                f"frames.{kind}.{cause}": self.fates.count(cause)
                for kind, of in causes.items()
                for cause in of.values()
            },
        }

    def odd(self) -> dict[str, int]:
        """Return the frames that are not as scenario and catalogue say."""
        return {
            "time in their sensor": sum(part.time_odd() for part in self.parts),
            "size": sum(part.size_odd() for part in self.parts),
        }

    def sent(self) -> dict[str, int]:
        """Return the bytes that left the sensors, by kind; nothing if the frames do not tell."""
        total = {"metadata": 0, "roi": 0, "image": 0, "protocol": 0}
        if any(part.replaced for part in self.ran):
            return {}
        for part in self.ran:
            payload, message = part.columns["payload_bytes"], part.kit.message(part.what, part.told)
            text = np.where(payload > np.maximum(message, 1), message, payload)
            for kind, bytes_ in (
                ("metadata", text),
                (part.kit.pixels, payload - text),
                ("protocol", part.kit.wire_bits(payload) // 8 - payload),
            ):
                total[kind] += int(bytes_[part.counted].sum())
        return {f"bytes.{kind}": many for kind, many in total.items()}

    def energy_fj(self) -> dict[str, Span]:
        """Return the energy of states, as far as the frames tell; fJ."""
        sensors = self._sensing_fj()
        sensors["computing"] = sum(part.computing_fj() for part in self.ran)
        return {
            **{f"sensor.{state}": (energy, energy) for state, energy in sensors.items()},
            **self._uplink_fj(),
            **self._network_fj(),
        }

    def _sensing_fj(self) -> dict[str, int]:
        """Return the energy of hosts and pixel arrays; fJ."""
        reading_ns = np.zeros(len(self.placed), dtype=np.int64)
        for part in self.parts:
            reading_ns += part.sensing_ns(len(self.placed))
        energy = {"host": 0, "sensing": 0, "sense_idle": 0}
        span_ns = self.end_ns - self.since_ns
        for s, sensor in enumerate(self.placed):
            kit, read_ns = self.kits[sensor.group], int(reading_ns[s])
            away = self._away(sensor)
            energy["host"] += kit.always_uw * (span_ns - self._measured(away))
            energy["sensing"] += kit.sense_uw * read_ns
            off_ns = self._measured([*away, *self._down(sensor)])
            idle_ns = max(0, span_ns - off_ns - read_ns)
            energy["sense_idle"] += kit.idle_uw * idle_ns
        return energy

    def _away(self, sensor: Placed) -> list[Span]:
        """Return when a sensor is not there."""
        changes = sorted(
            (at, event.join is not None)
            for event in self.scenario.model.events
            if {event.join, event.leave} & {sensor.name, sensor.group}
            and event.cell in (None, sensor.site.cell)
            for at in moments_ns(self.scenario, event)
        )
        there = not changes or not changes[0][1]
        spans, since = [], 0
        for at, joins in [*changes, (self.end_ns, True)]:
            if not there:
                spans.append((since, at))
            there, since = joins, at
        return spans

    def _down(self, sensor: Placed) -> list[Span]:
        """Return the crashes of a sensor."""
        spans: list[Span] = []
        model = self.scenario.model
        for event in model.events:
            if event.failure is not None and event.failure.partition("/")[0] in model.domains:
                spans += self._failed(event, event.failure, sensor)
            if event.crash not in (sensor.name, sensor.group):
                continue
            if event.cell not in (None, sensor.site.cell):
                continue
            if event.at is None:
                spans += timetable.drawn(
                    event, sensor.name, self.end_ns, model.seed, self.replication
                )
            else:
                lasts = event.lasts or self.kits[sensor.group].reboot_ns
                spans += [(at, at + lasts) for at in moments_ns(self.scenario, event)]
        return spans

    def _failed(self, event: Event, named: str, sensor: Placed) -> list[Span]:
        """Return the failures of a domain by an event, each until a sensor in it has booted."""
        of = named.partition("/")[0]
        domain = self.scenario.model.domains[of]
        own = {"site": sensor.site.id, "cell": sensor.site.cell}.get(domain.shared_by)
        name = of if own is None else f"{of}/{own}"
        if named not in (of, name) or not {sensor.name, sensor.group} & set(domain.holds):
            return []
        boot_ns, lasts = self.kits[sensor.group].reboot_ns, event.lasts or self.end_ns
        spans = [(at, at + lasts) for at in moments_ns(self.scenario, event)]
        if event.at is None:
            seed = self.scenario.model.seed
            spans = timetable.drawn(event, name, self.end_ns, seed, self.replication)
        return [(begin, end + boot_ns) for begin, end in spans]

    def _measured(self, spans: list[Span]) -> int:
        """Return how long the union of some spans is behind the warm-up; ns."""
        total, covered = 0, self.since_ns
        for begin, end in sorted(spans):
            until = min(end, self.end_ns)
            total += max(0, until - max(begin, covered))
            covered = max(covered, until)
        return total

    def _uplink_fj(self) -> dict[str, Span]:
        """Return the energy of sending over first links."""
        sending, per_bit, steady = [0, 0], [0, 0], True
        for part in self.ran:
            hop, carried = part.way[0], part.carried(part.way[0])
            if carried is None:
                return {}
            steady &= hop.steady
            bits, sent_ns, maybe = carried
            services = [np.maximum(1, n * SECOND_NS // hop.rate_bps) for n in (bits, maybe)]
            spent_ns = overlap_ns(sent_ns - services[0], sent_ns, self.since_ns)
            for k, ns in enumerate((spent_ns, int(services[1].sum()))):
                sending[k] += ns * hop.sending_uw
            for k, many in enumerate((bits, maybe)):
                per_bit[k] += int(many.sum()) * hop.fj_per_bit
        told = {"uplink.sending": _span(sending)} if steady else {}
        return {**told, "uplink.bits sent": _span(per_bit)}

    def _network_fj(self) -> dict[str, Span]:
        """Return the operator's energy for what sensors and edges send, without rewrites."""
        chosen, out = self.scenario.model.network_energy, {}
        for state, kind in (("fixed", "fixed"), ("mobile access", "mobile")):
            each = self.reader.energy_nj_per_bit("network", chosen, f"{kind}_energy_per_bit")
            hops = [(p, hop) for p in self.ran for hop in p.way if getattr(hop, kind)]
            carried = [part.carried(hop) for part, hop in hops]
            told = [crossed for crossed in carried if crossed is not None]
            if len(told) == len(carried):
                fj = int(each * 1000) * 1000
                bits = [sum(int(crossed[k].sum()) for crossed in told) for k in (0, 2)]
                out[f"network.{state}"] = _span([n * fj for n in bits])
        return out


def _span(amounts: list[int]) -> Span:
    """Return the bounds of what is sure, and of that with what may be."""
    return amounts[0], sum(amounts)
