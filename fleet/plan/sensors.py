"""Who the sensors are, what stands there, and when they capture."""

from __future__ import annotations

import numpy as np

from fleet.arrays import Ints
from fleet.chance import Stream, name_hashes, stream_keys
from fleet.plan import equipment
from fleet.plan.clocks import clock_table, phases
from fleet.plan.draft import Draft, Draws
from fleet.plan.groups import Sensors
from fleet.texts import Texts


def draws(draft: Draft) -> Draws:
    """Return what the draws of the sensors are known by."""
    hashes, seed = name_hashes(draft.roster.names), draft.scenario.model.seed
    return Draws(hashes, {s: stream_keys(hashes, seed, draft.replication, s) for s in Stream})


def sensors(draft: Draft) -> Sensors:
    """Return the sensors of a plan.

    Raises:
        InputError: a rate is too fine.
    """
    roster, (hashes, keys) = draft.roster, draft.draws
    phase = phases(draft, keys[Stream.PHASE])
    return Sensors(
        ids=np.arange(len(roster)),
        names=Texts(roster.names),
        name_hash=hashes,
        capture_keys=keys[Stream.CAPTURE],
        scene_keys=keys[Stream.SCENE],
        size_keys=keys[Stream.SIZE],
        radio_keys=keys[Stream.RADIO],
        service_keys=keys[Stream.SERVICE],
        sight_keys=keys[Stream.SIGHT],
        loss_keys=keys[Stream.LOSS],
        group_names=roster.groups,
        group_of=roster.group_of,
        site_of=Texts(roster.site_of),
        lon=roster.lon,
        lat=roster.lat,
        setup_names=tuple(s.name for s in draft.setups),
        cuts=tuple("" if s.cut is None else s.cut.after for s in draft.setups),
        setup_of=draft.setup_of,
        setups=equipment.table(draft.setups),
        clocks=clock_table(draft, phase),
        phase=phase,
        turn=phases(draft, keys[Stream.PHASE], draw=1),
        trace_ns=draft.times.times_ns,
        to_site=_to_site(draft),
    )


def _to_site(draft: Draft) -> Ints:
    """Return 1 for each sensor whose results are used at the site."""
    groups = draft.scenario.model.sensors.values()
    used = np.array([spec.consumer == "site" for spec in groups], dtype=np.int64)
    to_site: Ints = used[draft.roster.group_of]
    return to_site
