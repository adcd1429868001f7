"""Batteries of a plan: who lives on which, what the sun gives them, and what does not fit."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.plan.batteries import Batteries, Battery
from fleet.plan.draft import Draft
from fleet.plan.feedback import MOST_LOOKS
from fleet.plan.hours import Steps, own_steps
from fleet.plan.irradiance import AT_PEAK, MINUTE_NS, by_look_nj, on_plane_mw_m2
from fleet.plan.plant import Radio
from fleet.plan.sun import start_min
from fleet.scenario.battery import CLEARNESS, MAINS, W_PER_M2, Solar, SunFile
from fleet.scenario.battery import Battery as Stated
from fleet.scenario.load import did_you_mean
from fleet.scenario.strict_yaml import Keys
from fleet.units import LARGEST, format_time_ns

_PPM = 1_000_000
_MOST_SUN = 2_000.0
"""More than falls on any panel of which the beam is not bundled; W/m²."""
_POWERS = ("base_uw", "sense_uw", "sense_idle_uw", "compute_uw")


def build(draft: Draft) -> Batteries:
    """Return which sensors of an arm live on batteries; without any all of it is empty.

    Raises:
        InputError: a battery is not known or cannot be used, or its sensors are rewritten.
    """
    stated, setups = draft.scenario.model.batteries, draft.setups
    used = list[str]()
    of_setup = np.full(len(setups), -1, dtype=np.int64)
    for k, setup in enumerate(setups):
        name = setup.equipment.battery
        if name in (None, MAINS):
            continue
        if name not in stated:
            known = f"known: {', '.join([MAINS, *stated])}"
            raise draft.scenario.error(
                setup.keys, f"no battery '{name}'{did_you_mean(name, list(stated))}; {known}"
            )
        used += [] if name in used else [name]
        of_setup[k] = used.index(name)
    for k, setup in enumerate(setups):  # what frames become that a sensor passes on is its own
        of_setup[k] = (
            of_setup[int(setup.row["asked_by"])] if setup.row["asked_by"] >= 0 else of_setup[k]
        )
    kind_of = of_setup[draft.setup_of]
    used_here = sorted(set(kind_of[kind_of >= 0].tolist()))
    _check(draft, kind_of)
    sun = [
        _sun_nj(draft, used[kind]) if kind in used_here else (_NONE, _NONE)
        for kind in range(len(used))
    ]
    boot_ns = np.zeros(len(kind_of), dtype=np.int64)
    for mine, _, setup in draft.kinds():
        if (kind_of[mine] >= 0).any():
            boot_ns[mine] = draft.reader.time_ns(setup.kind, setup.device, "reboot")
    return Batteries(
        tuple(_battery(name, stated[name]) for name in used), of_setup, kind_of, boot_ns,
        tuple(one for one, _ in sun), tuple(one for _, one in sun),
    )  # fmt: skip


_NONE: Ints = np.zeros(0, dtype=np.int64)


def _battery(name: str, of: Stated) -> Battery:
    """Return a battery; shares of its capacity are rounded down."""
    whole = of.capacity
    shares = (int(whole * share) for share in (of.charge, of.cut_off, of.recovery))
    return Battery(name, of.every, whole, *shares)


def _check(draft: Draft, kind_of: Ints) -> None:
    """Refuse what does not go with batteries.

    Raises:
        InputError: a model is written into a sensor that lives on one, a sensor draws nothing, or
            what it draws in the run is more than numbers hold.
    """
    written = draft.control.rollout.sensor
    fed = written[kind_of[written] >= 0]
    if len(fed):
        setup = draft.setup(int(fed[0]))
        raise draft.scenario.error(
            setup.keys,
            f"a model is written into '{draft.roster.names[int(fed[0])]}', which lives on battery"
            f" '{setup.equipment.battery}': whether it is on then is not known before a run; leave"
            f" the rewrite out, or write 'battery: {MAINS}'",
        )
    for mine, group, setup in draft.kinds():
        if kind_of[mine[0]] < 0:
            continue
        radios = [draft.links.radios[int(k)] for k in np.unique(draft.links.radio_of[mine])]
        device_uw = sum(int(setup.row[power]) for power in _POWERS)
        if not device_uw and not any(map(_most_uw, radios)):
            raise draft.scenario.error(
                setup.keys,
                f"'{setup.device}' of '{group}' draws nothing in any state, so nothing empties"
                f" '{setup.equipment.battery}'; give it powers in a catalogue of your own, or write"
                f" 'battery: {MAINS}'",
            )
        most_uw = device_uw + max(map(_most_uw, radios), default=0)
        if most_uw * draft.scenario.model.duration // 1_000_000 >= LARGEST:
            raise draft.scenario.error(
                setup.keys,
                f"'{setup.device}' of '{group}' may draw more energy in"
                f" {format_time_ns(draft.scenario.model.duration)} than a battery can be booked for"
                " (1.2 MWh); make the run shorter",
            )


def _most_uw(radio: Radio) -> int:
    return radio.idle_uw + radio.promotion_uw + radio.active_uw + radio.tail_uw


def _sun_nj(draft: Draft, name: str) -> tuple[Ints, Ints]:
    """Return (what the panel of a battery gives from look to look, what the battery takes); nJ.

    Raises:
        InputError: it is looked at too often, or nobody knows where the panel stands.
    """
    battery, end_ns = draft.scenario.model.batteries[name], draft.scenario.model.duration
    looks = (end_ns - 1) // battery.every
    if looks > MOST_LOOKS:
        raise draft.scenario.error(
            ("batteries", name, "every"),
            f"{format_time_ns(battery.every)} makes {looks:,} looks of a run, more than"
            f" {MOST_LOOKS:,}; look less often",
        )
    if battery.solar is None:
        nothing = np.zeros(looks + 1, dtype=np.int64)
        return nothing, nothing
    power_uw = _panel_uw(draft, battery.solar, ("batteries", name, "solar"))
    if power_uw.sum(dtype=np.float64) * (MINUTE_NS / 1e6) >= LARGEST:
        raise draft.scenario.error(
            ("batteries", name, "solar"),
            f"it gives more energy in {format_time_ns(end_ns)} than can be booked (1.2 MWh); make"
            " the run shorter, or the panel smaller",
        )
    gives = by_look_nj(power_uw, battery.every, end_ns)
    ppm = int(battery.efficiency * _PPM)
    return gives, gives // _PPM * ppm + gives % _PPM * ppm // _PPM


def _panel_uw(draft: Draft, solar: Solar, keys: Keys) -> Ints:
    """Return the power of a panel in each minute of the run; µW, shape (minutes,).

    Raises:
        InputError: nobody knows where it stands, or a file cannot be used.
    """
    minutes = -(-draft.scenario.model.duration // MINUTE_NS)
    at = np.arange(minutes) + 0.5
    if solar.irradiance is not None:
        w_m2 = _by_minute(draft, solar.irradiance, (*keys, "irradiance"), W_PER_M2, at, _MOST_SUN)
        mw_m2 = np.rint(w_m2 * 1000).astype(np.int64)
    elif draft.place is None:
        raise draft.scenario.error(
            keys,
            "nobody knows where the panel stands, so what the sun brings is not known; give the"
            " scenario a 'place' or a 'timezone', or the panel an 'irradiance' file",
        )
    else:
        when = at + start_min(draft.scenario, draft.place.lon)
        ground = float(solar.ground)
        mw_m2 = on_plane_mw_m2(when, draft.place, solar.tilt, solar.azimuth, ground)
    power_uw = _times(solar.peak * mw_m2 // AT_PEAK, int(solar.performance * _PPM))
    if isinstance(solar.clearness, SunFile):
        clear = _by_minute(draft, solar.clearness, (*keys, "clearness"), CLEARNESS, at, 1.0)
        return _times(power_uw, np.rint(clear * _PPM).astype(np.int64))
    return power_uw if solar.clearness is None else _times(power_uw, int(solar.clearness * _PPM))


def _times(power_uw: Ints, ppm: Ints | int) -> Ints:
    """Return a share of a power; µW, rounded down."""
    part: Ints = power_uw * ppm // _PPM
    return part


def _by_minute(
    draft: Draft, stated: SunFile, keys: Keys, column: str, at: np.ndarray, most: float
) -> np.ndarray:
    """Return the number of a file that holds in the midst of each minute; shape (minutes,).

    Raises:
        InputError: the file cannot be used, does not hold all of the run, or says too much.
    """
    steps: Steps = own_steps(draft.scenario, stated, keys, column)
    if max(steps.values) > most:
        raise draft.scenario.error(
            (*keys, "file"),
            f"{stated.file}: {column} of {max(steps.values):g} is above {most:g}, the most that it"
            " may be; is it in another unit?",
        )
    if stated.attribution:
        draft.remarks.append(f"Sun on panels: {stated.attribution} ({stated.file}).")
    starts = np.array(steps.starts_ns, dtype=np.int64)
    which = np.searchsorted(starts, (at * MINUTE_NS).astype(np.int64), side="right") - 1
    values: np.ndarray = np.array(steps.values)[which]
    return values
