"""Controllers of a plan: who watches which sensors, what they can say, and how long that takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fleet.arrays import Ints
from fleet.errors import InputError
from fleet.model.capture import NEVER_NS
from fleet.model.frames import LEVELS
from fleet.model.ladder import AT_REGION, AT_SITE, OUTSIDE, SIGNALS, Numbers
from fleet.plan.draft import Draft
from fleet.plan.expected import flows
from fleet.plan.plan import Plan
from fleet.plan.planned import local_clock, planned
from fleet.plan.protocol import message_bits
from fleet.plan.rollout import sending_ns
from fleet.plan.talking import Controller, Feedback
from fleet.scenario.adaptive import HIGH_NS, Adaptive, Own
from fleet.scenario.policy import Policy, text_of
from fleet.scenario.strict_yaml import Keys
from fleet.units import format_time_ns

MOST_LOOKS = 1_000_000
"""Looks of the controllers of an arm in a run: each of them is a point to which all comes."""
_MOST_BPS = 10**15
"""As fast as any link: nothing fits that is more."""
_WITHIN_A_SITE = ("sensor", "site")
_OF_RESULTS, _OF_SERVERS = ("results", "latency_ns", "missing_ppm"), ("waiting", "dropped")
"""What of that which a region sees comes with results, and what from servers that stand in it."""
_READS = {
    "back-pressure": ("waiting",), "awstream": ("backlog_ns", "rung_bps"), "clock": (),
    **{rule: (read,) for rule, read in OUTSIDE.items()},
}  # fmt: skip
"""What the other rules that are not a user's own read."""
_CALM, _QUEUE = 3, 1
"""What holds where nothing is said; three looks are those of AWStream's source."""


def build(draft: Draft) -> Feedback:
    """Return the controllers of an arm; without any all of it is empty.

    Raises:
        InputError: a rule cannot be used, looks too often, or reads what does not come to it, or
            its sensors are rewritten.
    """
    arms = tuple(dict.fromkeys(ladder.arm for ladder in draft.ladders.values()))
    controllers = tuple(_controller(draft, arm) for arm in arms)
    many = len(draft.roster)
    setup_rows = np.full(len(draft.setups), -1, dtype=np.int64)
    setup_rows[list(draft.ladders)] = np.arange(len(draft.ladders))
    ladder_of = setup_rows[draft.setup_of]
    kind_of = np.full(many, -1, dtype=np.int64)
    for row, ladder in enumerate(draft.ladders.values()):
        kind_of[ladder_of == row] = arms.index(ladder.arm)
    _check_rewrites(draft, ladder_of)
    for kind, one in enumerate(controllers):
        _check_comes(draft, one, np.flatnonzero(kind_of == kind))
        _check_outside(draft, one)
    unit_of, controller_of, names = _units(draft, arms, kind_of)
    sent_ns, wire_ns = _ways(draft, controllers, kind_of)
    rungs = max((one.rungs for one in controllers), default=1)
    table = np.zeros((3, len(draft.ladders), rungs), dtype=np.int64)
    table[2] = 1
    for row, ladder in enumerate(draft.ladders.values()):
        table[0, row, : len(ladder.setups)] = ladder.setups
        table[1:, row, : len(ladder.setups)] = np.array(ladder.periods).T
    setups, num, den = table
    return Feedback(
        controllers, controller_of, names, unit_of, ladder_of, setups, num, den, sent_ns, wire_ns,
        np.zeros((len(names), rungs), dtype=np.int64), planned(draft, arms, kind_of),
        local_clock(draft),
    )  # fmt: skip


def _controller(draft: Draft, arm: str) -> Controller:
    spec, keys = draft.scenario.model.arms[arm].adaptive, ("arms", arm, "adaptive")
    assert spec is not None
    if spec.place == AT_SITE and spec.shared_by not in _WITHIN_A_SITE:
        raise draft.scenario.error(
            (*keys, "shared_by"),
            f"a controller at the site sees one site, not all sensors of a {spec.shared_by}; use"
            f" {' or '.join(_WITHIN_A_SITE)}, or 'at: region'",
        )
    every = spec.every or 0
    looks = (draft.scenario.model.duration - 1) // every if every else 0
    if looks > MOST_LOOKS:
        raise draft.scenario.error(
            (*keys, "every"),
            f"{format_time_ns(every)} makes {looks:,} looks of a run, more than"
            f" {MOST_LOOKS:,}; look less often",
        )
    text, reads = "", tuple[str, ...]()
    file = function = ""
    if isinstance(spec.rule, Own):
        file, function, reads = spec.rule.file, spec.rule.function, tuple(spec.rule.reads)
        text = _text(draft, spec.rule, (*keys, "rule"))
    elif spec.name == "threshold":
        reads = (SIGNALS[spec.watched],)
    else:
        reads = _READS[spec.name]
    return Controller(
        arm, spec.name, spec.place, every, 1 + len(spec.ladder), reads, _numbers(spec), text,
        file, function,
    )  # fmt: skip


def _check_comes(draft: Draft, one: Controller, mine: Ints) -> None:
    """Refuse controllers at a region that read of some sensors what never comes there.

    Raises:
        InputError: one does.
    """
    if one.at != AT_REGION:
        return
    roster, keys = draft.roster, ("arms", one.arm, "adaptive", "at")
    elsewhere = "use 'at: site'"
    for read in (name for name in one.reads if name in _OF_RESULTS):
        for group in np.unique(roster.group_of[mine]).tolist():
            if draft.scenario.model.sensors[roster.groups[group]].consumer == "site":
                raise draft.scenario.error(
                    keys,
                    f"a controller at the region reads '{read}', but results of"
                    f" '{roster.groups[group]}' are for the site; {elsewhere}, or 'consumer:"
                    " cloud'",
                )
    served = draft.served_by
    at_edge = mine[(served.of[mine] >= 0) & (served.level[mine] < LEVELS - 1)]
    for read in (name for name in one.reads if name in _OF_SERVERS and len(at_edge)):
        raise draft.scenario.error(
            keys,
            f"a controller at the region reads '{read}' of servers, but those of"
            f" '{roster.names[int(at_edge[0])]}' are at an edge; {elsewhere}, or 'infer: cloud'",
        )


def _check_outside(draft: Draft, one: Controller) -> None:
    """Refuse controllers that read a price that nobody states; tell what never changes.

    Raises:
        InputError: one does.
    """
    money, arm = draft.money, one.arm
    if OUTSIDE["price"] in one.reads and money.prices is None:
        raise draft.scenario.error(
            ("arms", arm, "adaptive", "rule"),
            "reads the price of electricity, and nothing says what it is; give the scenario"
            " 'prices' and a 'tariff'",
        )
    by_hour = None if money.prices is None else money.prices.kwh_by_hour
    if one.rule == "price" and (by_hour is None or len(set(by_hour.values)) == 1):
        draft.remarks.append(
            f"The price of electricity is the same at all times of this run, so '{arm}' does not"
            " change by it; say by the hour what it is, with 'tariff'."
        )
    if one.rule == "carbon":
        hours = money.grid.by_hour
        if hours is None or len(set(hours.values)) == 1:
            draft.remarks.append(
                f"The grid '{money.grid.name}' is as clean at all times of this run, so '{arm}'"
                " does not change by it; name one by the hour, such as 'deu-2020', or state your"
                " own ('grid')."
            )


def _text(draft: Draft, rule: Own, keys: Keys) -> str:
    """Return the text of a rule of the user's own, which is checked.

    Raises:
        InputError: it cannot be read, or does what a rule may not.
    """
    path = draft.scenario.file(rule.file, *keys, "file")
    try:
        text = text_of(path)
    except (OSError, UnicodeDecodeError) as error:
        raise draft.scenario.error((*keys, "file"), f"cannot read '{rule.file}': {error}") from None
    try:
        Policy(text, rule.file, rule.function, rule.reads)
    except InputError as error:
        raise draft.scenario.error((*keys, "file"), str(error)) from None
    return text


def _numbers(spec: Adaptive) -> Numbers:
    if spec.name in OUTSIDE:
        return Numbers(highs=tuple(level.number for level in spec.high or ()), lows=spec.lows)
    high = HIGH_NS if spec.high is None else spec.high[0].number
    low = high // 2 if spec.low is None else spec.low[0].number
    return Numbers(high, low, spec.calm or _CALM, spec.queue or _QUEUE)


def _check_rewrites(draft: Draft, ladder_of: Ints) -> None:
    """Refuse models that are written into sensors whose setup a ladder says.

    Raises:
        InputError: one is.
    """
    written = draft.control.rollout.sensor
    adapts = written[ladder_of[written] >= 0]
    if len(adapts):
        arm = draft.ladders[int(draft.setup_of[adapts[0]])].arm
        raise draft.scenario.error(
            ("arms", arm, "adaptive"),
            f"a model is written into '{draft.roster.names[int(adapts[0])]}', whose settings the"
            " ladder says; leave one of both out",
        )


def _units(
    draft: Draft, arms: tuple[str, ...], kind_of: Ints
) -> tuple[Ints, Ints, tuple[str, ...]]:
    """Return (unit of each sensor, kind of each unit, names of units): one in each region."""
    roster, unit_of = draft.roster, np.full(len(kind_of), -1, dtype=np.int64)
    controller_of, names = list[int](), list[str]()
    for kind, arm in enumerate(arms):
        spec, mine = draft.scenario.model.arms[arm].adaptive, np.flatnonzero(kind_of == kind)
        assert spec is not None
        whose = np.stack([roster.units[spec.shared_by][mine], draft.net.region_of[mine]], axis=1)
        _, first, which = np.unique(whose, axis=0, return_index=True, return_inverse=True)
        unit_of[mine] = len(names) + which.reshape(-1)
        controller_of += [kind] * len(first)
        names += [roster.unit_name(spec.shared_by, int(mine[s])) or arm for s in first]
    return unit_of, np.array(controller_of, dtype=np.int64), tuple(names)


def _ways(draft: Draft, controllers: tuple[Controller, ...], kind_of: Ints) -> tuple[Ints, Ints]:
    """Return how long a word is sent and on the wire at each level; shape (LEVELS, sensors)."""
    sent, wire = np.zeros((2, LEVELS, len(kind_of)), dtype=np.int64)
    for kind, one in enumerate(controllers):
        spec = draft.scenario.model.arms[one.arm].adaptive
        if one.at != AT_REGION or spec is None:
            continue
        bits, mine = message_bits(draft.reader, spec.word_bytes), np.flatnonzero(kind_of == kind)
        for group in np.unique(draft.roster.group_of[mine]):
            here = mine[draft.roster.group_of[mine] == group]
            for c in draft.net.paths[draft.roster.groups[int(group)]]:
                way = draft.net.classes[c]
                if way.downlink_rate_bps:
                    takes_ns = sending_ns(bits, way.downlink_rate_bps)
                    _check_word(draft, one.arm, takes_ns, way.name)
                    sent[way.level, here] = takes_ns
                    wire[way.level, here] = way.propagation_ns
    return sent, wire


def _check_word(draft: Draft, arm: str, takes_ns: int, link: str) -> None:
    """Refuse a word that a link sends for longer than any run is.

    Raises:
        InputError: it does.
    """
    if takes_ns > NEVER_NS // 8:
        raise draft.scenario.error(
            ("arms", arm, "adaptive", "word"),
            f"'{link}' sends it down for longer than a run can be; make it smaller, or give"
            f" '{link}' a higher 'downlink_rate'",
        )


def with_rates(plan: Plan) -> Plan:
    """Return a plan whose controllers know what is expected of each rung, if any reads it."""
    of = plan.feedback
    if not any("rung_bps" in one.reads for one in of.controllers):
        return plan
    bps = np.zeros_like(of.bps)
    mine = np.flatnonzero(of.unit_of >= 0)
    rungs = np.array([of.controllers[k].rungs for k in of.controller_of])[of.unit_of[mine]]
    for rung in range(of.bps.shape[1]):
        here = mine[rungs > rung]
        brings = flows(_standing(plan, here, rung))
        bits = np.minimum(brings.sent_fps * brings.bits, _MOST_BPS)[here].astype(np.int64)
        np.add.at(bps[:, rung], of.unit_of[here], bits)
    return replace(plan, feedback=replace(of, bps=bps))


def on_rung(plan: Plan, rung: int) -> Plan:
    """Return a plan whose sensors with a ladder stand on a rung of it from the start, or the last.

    Who says which rung holds is left out.
    """
    of = plan.feedback
    mine = np.flatnonzero(of.unit_of >= 0)
    last = np.array([one.rungs - 1 for one in of.controllers])[of.controller_of][of.unit_of[mine]]
    for k in np.unique(np.minimum(last, rung)).tolist():
        plan = _standing(plan, mine[np.minimum(last, rung) == k], k)
    return plan


def _standing(plan: Plan, sensors: Ints, rung: int) -> Plan:
    """Return a plan in which some sensors stand on a rung from the start."""
    setup_of, clocks = plan.sensors.setup_of.copy(), plan.sensors.clocks.copy()
    for s in sensors.tolist():
        setup_of[s] = plan.feedback.setup(s, rung)
        own = int(clocks.num[s]), int(clocks.den[s])
        clocks.num[s], clocks.den[s] = plan.feedback.given(s, rung, own)
    return replace(plan, sensors=replace(plan.sensors, setup_of=setup_of, clocks=clocks))
