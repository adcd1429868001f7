"""What the steps of compiling an arm hand to each other, and the setups that its sensors share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.arrays import Keys as Keys64
from fleet.catalog import Reader
from fleet.chance import Stream
from fleet.model.camera import wire_bits
from fleet.plan import equipment, further, limits, rungs
from fleet.plan.capture_times import CaptureTimes
from fleet.plan.equipment import Duty, Setup
from fleet.plan.groups import Control, Links, Money, Pools
from fleet.plan.network import Network
from fleet.plan.place import Place
from fleet.plan.placing import Placement
from fleet.plan.rates import lower
from fleet.plan.roster import Roster, firsts, numbered
from fleet.plan.video import BYTES_BY_LIGHT
from fleet.scenario.load import Scenario
from fleet.scenario.sensors import Capture
from fleet.scenario.split import split_of
from fleet.scenario.strict_yaml import Keys

_MEASURED_BITS = 8
"""Of a number of a tensor, as the networks are quantised of which eyes have traces."""


@dataclass(frozen=True)
class Deployment:
    """A model that a user writes into a sensor while a run is going on."""

    at_ns: int
    sensor: str
    model: str


class Draws(NamedTuple):
    """What the draws of sensors are known by.

    Attributes:
        hashes: `fleet.chance.name_hash` of each name; shape (sensors,).
        keys: of each sensor, by stream; each has shape (sensors,).
    """

    hashes: Keys64
    keys: Mapping[Stream, Keys64]


class Ladder(NamedTuple):
    """What the sensors of a setup can be lowered to.

    Attributes:
        arm: whose controllers say so.
        setups: index of the setup of each rung, the first that of the start.
        periods: the least period num/den ns of each, 0/1 for none.
    """

    arm: str
    setups: tuple[int, ...]
    periods: tuple[tuple[int, int], ...]


class Served(NamedTuple):
    """By which pool of servers the frames of each sensor are served.

    Attributes:
        names: of all pools: the regions, then each edge's.
        entry: of each pool the region, or behind them the edge; shape (pools,).
        of: pool of each sensor, -1 for none; shape (sensors,).
        level: the level of links behind which it is; same shape.
    """

    names: tuple[str, ...]
    entry: Ints
    of: Ints
    level: Ints


@dataclass
class Draft:
    """An arm of a scenario on its way to a plan.

    Attributes:
        scenario: what the user says.
        arm: which arm.
        replication: number of the independent repetition.
        placement: chooses an arm's equipment for each sensor instead of the arm itself.
        deployments: models written by the user, besides the scenario's events.
        reader: what hardware does; remembers the rows that the step under way has read.
        remarks: what a reader should know of choices that this step made for him.
        roster: the sensors.
        place: where they are, if anything says so.
        lights: seconds from which there is another light there, and which.
        arms, arm_of: names of arms, and which of them equips each sensor.
        net: the links.
        times: capture times from files.
        setups: what stands at the sensors, and what rewrites will make of it.
        setup_of: setup of each sensor at the start.
        ladders: of each of these setups that has one.
        served_by: the pools of servers.
        draws: what the sensors' draws are known by.
        control, links, money, pools: groups of the plan that another is made from.
    """

    scenario: Scenario
    arm: str
    replication: int
    placement: Placement | None
    deployments: Sequence[Deployment]
    reader: Reader = field(init=False)
    remarks: list[str] = field(init=False)
    roster: Roster = field(init=False)
    place: Place | None = field(init=False)
    lights: tuple[Ints, Ints] = field(init=False)
    arms: tuple[str, ...] = field(init=False)
    arm_of: Ints = field(init=False)
    net: Network = field(init=False)
    times: CaptureTimes = field(init=False)
    setups: list[Setup] = field(init=False)
    setup_of: Ints = field(init=False)
    ladders: Mapping[int, Ladder] = field(init=False)
    served_by: Served = field(init=False)
    draws: Draws = field(init=False)
    control: Control = field(init=False)
    links: Links = field(init=False)
    money: Money = field(init=False)
    pools: Pools = field(init=False)

    def setup(self, sensor: int) -> Setup:
        """Return the setup of a sensor at the start."""
        return self.setups[int(self.setup_of[sensor])]

    def served(self, setup: Setup) -> Setup | None:
        """Return the setup of frames that go to servers: this, one it passes on to, or none."""
        if not setup.on_sensor:
            return setup
        return None if setup.ask < 0 else self.setups[setup.ask]

    def served_kinds(self) -> Iterator[tuple[Ints, str, Setup]]:
        """Yield (sensors, their group, the setup of their frames for servers) of all alike."""
        for mine, group, setup in self.kinds():
            served = self.served(setup)
            if served is not None:
                yield mine, group, served

    def kinds(self) -> Iterator[tuple[Ints, str, Setup]]:
        """Yield (sensors, their group, their setup at the start) of all that are alike."""
        kind = self.roster.group_of * len(self.setups) + self.setup_of
        for first in firsts(kind):
            yield np.flatnonzero(kind == kind[first]), self.roster.group(first), self.setup(first)


def first_setups(draft: Draft) -> tuple[tuple[Setup, ...], Ints, dict[int, Ladder]]:
    """Return (a setup for each arm and group that has sensors, which is each sensor's, ladders).

    Behind the first setups stand those of what they pass on, then those of rungs.

    Raises:
        InputError: the equipment of an arm cannot be used.
    """
    roster = draft.roster
    first, setup_of = numbered(draft.arm_of * len(roster.groups) + roster.group_of)
    arms = [draft.arms[int(draft.arm_of[s])] for s in first]
    setups = [_setup(draft, arm, roster.group(s)) for s, arm in zip(first, arms, strict=True)]
    for of, s in zip(range(len(setups)), first, strict=True):
        _add_asked(draft, setups, of, roster.group(s))
    ladders = {
        of: _ladder(draft, setups, of, arm, roster.group(s))
        for of, (s, arm) in enumerate(zip(first, arms, strict=True))
        if draft.scenario.model.arms[arm].adaptive is not None
    }
    return tuple(setups), setup_of, ladders


def _ladder(draft: Draft, setups: list[Setup], of: int, arm: str, group: str) -> Ladder:
    """Return the ladder of a setup, whose rungs are added to all setups.

    Raises:
        InputError: a rung cannot be used.
    """
    spec, top = draft.scenario.model.arms[arm].adaptive, setups[of]
    assert spec is not None
    mine, periods = [of], [(0, 1)]
    for k, rung in enumerate(spec.ladder):
        keys = ("arms", arm, "adaptive", "ladder", k)
        equipment_of, duty = rungs.lowered(draft.scenario, keys, top, rung, group)
        periods.append(rungs.least_period(draft.scenario, keys, rung.rate))
        alike = [j for j in mine if (setups[j].equipment, setups[j].duty) == (equipment_of, duty)]
        if alike:
            mine.append(alike[0])
            continue
        made = equipment.build(draft.scenario, draft.reader, equipment_of, keys, duty)
        mine.append(len(setups))
        setups.append(replace(made, name=f"{made.name} (rung {k + 1})"))
        _check_buffers(draft, made, group)
        _add_asked(draft, setups, mine[-1], group)
    return Ladder(arm, tuple(mine), tuple(periods))


def _add_asked(draft: Draft, setups: list[Setup], of: int, group: str = "") -> None:
    """Add the setup of frames that another passes on, and that of its second network, if any.

    Each then knows the other.

    Args:
        draft: the arm.
        setups: where the other is, changed in place.
        of: which it is.
        group: of its sensors, whose way up is looked at.
    """
    second = further.second(draft.scenario, draft.reader, setups[of])
    if second is not None:
        setups[of].row["then"], second.row["then_of"] = len(setups), of
        setups.append(second)
    asked = further.asked(draft.scenario, draft.reader, setups[of])
    if asked is None:
        return
    setups[of].row["ask"], asked.row["asked_by"] = len(setups), of
    setups.append(asked)
    if group:
        _check_buffers(draft, asked, group)


def _setup(draft: Draft, arm: str, group: str) -> Setup:
    scenario = draft.scenario
    chosen = equipment.choose(scenario, arm, group)
    rate = stated = Fraction(scenario.model.sensors[group].rate)
    if group in draft.times.rates:  # k frames are k - 1 periods: both ends may lie in the run
        rate = draft.times.rates[group]
        stated = rate - Fraction(1_000_000_000, scenario.model.duration)
    changed = [
        event.fps
        for event in scenario.model.events
        if event.fps is not None and draft.roster.concerns(event.target, group)
    ]
    fastest = max(map(Fraction, [stated, *changed]))
    _check_rate(scenario, arm, group, chosen.rate, fastest)
    app = scenario.model.sensors[group].app
    duty = Duty(lower(rate, chosen.rate), lower(fastest, chosen.rate), app)
    setup = equipment.build(scenario, draft.reader, chosen, ("arms", arm), duty)
    if setup.row["i_day"] > 0 and any(lower(one, chosen.rate) != duty.rate for one in changed):
        held = ", so the bitrate is not held" if chosen.bitrate is not None else ""
        draft.remarks.append(
            f"Frames of '{group}' in arm '{arm}' stay as large as at {float(duty.rate):g} fps when"
            f" events change the rate{held}."
        )
    split = split_of(chosen.split)
    if split is not None and split.bits < _MEASURED_BITS:
        draft.remarks.append(
            f"'{arm}' sends {split.bits} bits of each number of the tensor of '{group}': fewer"
            " bytes are counted, and what they cost in accuracy is not, as nobody has measured it."
        )
    _check_buffers(draft, setup, group)
    return setup


def _check_rate(
    scenario: Scenario, arm: str, group: str, most: Fraction | None, fastest: Fraction
) -> None:
    """Refuse a rate of equipment that changes nothing for a group."""
    if most is None:
        return
    own = scenario.model.arms[arm].per.get(group)
    per = ("per", group) if own is not None and own.rate is not None else ()
    keys, elsewhere = ("arms", arm, *per, "rate"), "set it under 'per', for other groups"
    if isinstance(scenario.model.sensors[group].capture, Capture):
        raise scenario.error(
            keys, f"'{group}' captures at the times of a trace, which has no rate; {elsewhere}"
        )
    if most > fastest:
        raise scenario.error(
            keys,
            f"{float(most):g} fps is above the {float(fastest):g} fps of '{group}', which it can"
            f" only lower; lower it, or {elsewhere}",
        )


def _check_buffers(draft: Draft, setup: Setup, group: str) -> None:
    """Refuse a frame that can never fit into a buffer on its way."""
    row = setup.row
    message = row["metadata_envelope"] + row["metadata_base"] * (
        4 / 3 if row["metadata_base64"] else 1
    )
    largest = max(row[name] for name in BYTES_BY_LIGHT) + row["pixels_base"] + message
    overhead = [int(row[f]) for f in ("per_message", "segment", "per_segment")]
    bits = wire_bits(int(largest), *overhead)
    most = wire_bits(limits.most_bytes(row, largest), *overhead)
    for c in draft.net.paths[group]:
        kind = draft.net.classes[c]
        tries = kind.retries + 1 if kind.loss_ppb else 1
        whose = f"'{group}' ({setup.name})"
        limits.check_frame(draft.scenario, kind.name, most, tries, whose)
        if bits > kind.buffer_bit and kind.name in draft.scenario.model.links:
            raise draft.scenario.error(
                ("links", kind.name),
                f"its buffer of {kind.buffer_bit // 8:,} B never holds a frame of {bits // 8:,} B"
                f" from {whose}; give it a larger 'buffer'",
            )


def setup_with_model(draft: Draft, old: Setup, model: str, keys: Keys) -> int:
    """Return the index of a setup like another one with another model, made if it is new.

    Raises:
        InputError: the model is not known or does not fit.
    """
    chosen = old.equipment.model_copy(update={"model": model})
    for i, setup in enumerate(draft.setups):
        if setup.equipment == chosen and setup.duty == old.duty:
            return i
    made = len(draft.setups)
    draft.setups.append(equipment.build(draft.scenario, draft.reader, chosen, keys, old.duty))
    _add_asked(draft, draft.setups, made)
    return made
