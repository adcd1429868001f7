"""What is in view: objects come by a Poisson process and stay a geometric number of seconds.

An INAR(1) chain stepped once a second: each object in view stays with probability
exp(-1 s / dwell), and a Poisson number of new ones comes (Al-Osh and Alzaid, "First-order
integer-valued autoregressive (INAR(1)) process", 1987). Its stationary law is Poisson with mean
arrivals per second / (1 - stay).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleet.chance import exp_minus, uniform
from fleet.kernel import inlined, kernel

MAX_MEAN = 500.0
"""Largest mean of a Poisson draw: its inversion needs e^-mean as a normal float."""

SECOND_NS = 1_000_000_000
_DRAWS = 1 << 16  # indices kept for one second of one sensor


@inlined
def second_of(time_ns: int) -> int:
    """Return the whole second in which a time is."""
    return int(np.int64(np.uint64(time_ns) // np.uint64(SECOND_NS)))


@kernel
def poisson(key: int, index: int, none: float) -> int:
    """Return a Poisson draw by multiplying uniforms, given `none` = e^(-mean)."""
    count = 0
    product = uniform(key, index)
    while product > none:
        count += 1
        product *= uniform(key, index + count)
    return count


@kernel
def step(key: int, second: int, present: int, stay: float, none: float) -> tuple[int, int]:
    """Return (objects in view, newcomers) of a second from the objects of the second before.

    Args:
        key: the sensor's scene key.
        second: whole seconds since the start.
        present: objects in view in the second before.
        stay: probability that an object stays another second.
        none: probability that nobody comes in a second.
    """
    base = (second + 1) * _DRAWS
    stayed = 0
    for j in range(present):
        if uniform(key, base + j) < stay:
            stayed += 1
    came = poisson(key, base + _DRAWS // 2, none)
    return stayed + came, came


@kernel
def advance(
    keys: NDArray[np.uint64],
    sensors: NDArray[np.int64],
    first_second: int,
    present: NDArray[np.int64],
    stay: NDArray[np.float64],
    none: NDArray[np.float64],
    view: NDArray[np.int64],
    visitors: NDArray[np.int64],
) -> None:
    """Step the scene of many sensors through consecutive seconds.

    Args:
        keys: scene keys of all sensors of the plan; shape (all sensors,).
        sensors: plan indices of the sensors to step; shape (n,).
        first_second: the second of `view[0]`.
        present: objects in view, changed in place; shape (n,).
        stay: see `step`; shape (all sensors,).
        none: see `step`; shape (all sensors,).
        view: filled with the objects in view in each second; shape (seconds, n).
        visitors: newcomers are added in place; shape (all sensors,).
    """
    for second in range(view.shape[0]):
        for j in range(len(sensors)):
            s = sensors[j]
            now, came = step(keys[s], first_second + second, present[j], stay[s], none[s])
            present[j] = now
            visitors[s] += came
            view[second, j] = now


@kernel
def begin(
    keys: NDArray[np.uint64],
    sensors: NDArray[np.int64],
    nobody: NDArray[np.float64],
    present: NDArray[np.int64],
) -> None:
    """Draw the objects in view before time zero from the stationary law, in place.

    Args:
        keys: scene keys of all sensors of the plan; shape (all sensors,).
        sensors: plan indices of the sensors; shape (n,).
        nobody: e^(-stationary mean) of all sensors; shape (all sensors,).
        present: filled; shape (n,).
    """
    for j in range(len(sensors)):
        present[j] = poisson(keys[sensors[j]], 0, nobody[sensors[j]])


def nobody(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e^-mean, the probability that a Poisson draw of each mean is 0; means up to 500."""
    out = np.empty(len(mean))
    _nobody(mean, out)
    return out


@kernel
def _nobody(mean: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for i in range(len(mean)):
        out[i] = exp_minus(min(mean[i], MAX_MEAN))
