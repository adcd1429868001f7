"""What the sun brings to a panel: a clear sky on a plane that is tilted anyhow.

The model of ASHRAE (Handbook of Fundamentals, 1993) with the fits of G. M. Masters, "Renewable and
Efficient Electric Power Systems" (Wiley, 2004), equations 7.4, 7.21 to 7.23 and 7.28 to 7.32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.arrays import Floats, Ints
from fleet.plan.place import Place
from fleet.plan.sun import sun_direction

FJ_PER_NJ = 1_000_000
MINUTE_NS = 60_000_000_000
_NJ_PER_MINUTE = MINUTE_NS // FJ_PER_NJ
"""What a power of 1 µW gives in a minute; nJ."""
_LOWEST = 0.01
"""Sine of the height of the sun below which nothing is counted: at 0.6° the air mass is 100."""
AT_PEAK = 1_000_000
"""Irradiance at which a panel gives its peak power; mW/m²."""


def clear_sky(day: NDArray[np.floating], up: Floats) -> tuple[Floats, Floats]:
    """Return (beam on a plane that faces the sun, diffuse light on the ground); W/m².

    Args:
        day: number of the day in the year, from 1; any shape.
        up: sine of the height of the sun; same shape.
    """
    turn = 2 * np.pi / 365
    flux = 1160 + 75 * np.sin(turn * (day - 275))
    depth = 0.174 + 0.035 * np.sin(turn * (day - 100))
    scattered = 0.095 + 0.04 * np.sin(turn * (day - 100))
    beam: Floats = np.where(up > _LOWEST, flux * np.exp(-depth / np.maximum(up, _LOWEST)), 0.0)
    return beam, scattered * beam


def on_plane_mw_m2(
    when: NDArray[np.floating], place: Place, tilt_deg: float, azimuth_deg: float, ground: float
) -> Ints:
    """Return what a clear sky brings to a panel, beam, sky and ground; mW/m², rounded.

    Args:
        when: minutes since the year began, UTC; shape (minutes,).
        place: where the panel stands.
        tilt_deg: from the horizontal.
        azimuth_deg: whither it faces, from north by east.
        ground: share of the light that the ground reflects.
    """
    east, north, up = sun_direction(when, place.lat, place.lon)
    beam, diffuse = clear_sky(np.floor(when / 1440) + 1, up)
    tilt, azimuth = np.radians(tilt_deg), np.radians(azimuth_deg)
    facing = np.sin(tilt) * (np.sin(azimuth) * east + np.cos(azimuth) * north) + np.cos(tilt) * up
    sky = (1 + np.cos(tilt)) / 2
    reflected = ground * (beam * up + diffuse) * (1 - np.cos(tilt)) / 2
    whole = beam * np.maximum(facing, 0.0) + diffuse * sky + reflected
    rounded: Ints = np.rint(whole * 1000).astype(np.int64)
    return rounded


def by_look_nj(power_uw: Ints, every_ns: int, end_ns: int) -> Ints:
    """Return the energy of each period between looks; nJ, shape (looks,).

    What has come up to a time is rounded down, so that no energy is lost between periods.

    Args:
        power_uw: power in each minute; shape (minutes,), as long as the run at least.
        every_ns: from one look to the next.
        end_ns: end of the run, where the last period ends.
    """
    at_ns = np.append(np.arange(every_ns, end_ns, every_ns, dtype=np.int64), end_ns)
    whole = np.concatenate([[0], np.cumsum(power_uw * _NJ_PER_MINUTE)])
    minute, rest_ns = at_ns // MINUTE_NS, at_ns % MINUTE_NS
    power = power_uw[np.minimum(minute, len(power_uw) - 1)]
    begun = (power * (rest_ns // 1000) + power * (rest_ns % 1000) // 1000) // 1000
    up_to = whole[minute] + begun
    looks: Ints = np.diff(up_to, prepend=0)
    return looks
