"""How much each of many inputs moves a number: Morris' screening, then Sobol's indices.

The designs and the estimators are SALib's. It does not refuse what makes them worthless, so that is
done here: a missing value, rows that are not in the order of the design, a number of samples that
is no power of two. Its seed 0 means none, so seeds are shifted by one.

Campolongo et al. 2007, An effective screening design for sensitivity analysis of large models,
Environ. Model. Softw. 22, 1509-1518 (mu*); Saltelli et al. 2010, Variance based sensitivity
analysis of model output, Comput. Phys. Commun. 181, 259-270.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fleet.arrays import Floats
from fleet.errors import InputError

LEVELS = 4
"""Places of a range at which Morris' screening looks: its ends, and two between."""
_RESAMPLES = 1000
_WIDEST = 0.2
_NOTHING = 1e-12


class Index(NamedTuple):
    """How much of a number's variance an input moves.

    Attributes:
        first: the share that it moves by itself.
        first_ci95: its interval, by percentiles of a bootstrap over samples.
        total: the share that it moves, by itself and with others.
        total_ci95: likewise.
        told: whether the interval of the total is narrow enough to tell it: up to 0.2.
    """

    first: float
    first_ci95: tuple[float, float]
    total: float
    total_ci95: tuple[float, float]
    told: bool


def check_power_of_two(samples: int) -> None:
    """Refuse a number of samples with which Sobol's sequence is not balanced.

    Raises:
        InputError: it is no power of two.
    """
    if samples < 2 or samples & (samples - 1):
        below = 2 ** max(1, math.floor(math.log2(max(samples, 2))))
        raise InputError(
            f"--samples {samples}: must be a power of two, else Sobol's sequence is not balanced;"
            f" take {below} or {2 * below}"
        )


def morris_design(inputs: int, trajectories: int, seed: int) -> Floats:
    """Return Morris' trajectories in [0, 1]; shape (trajectories * (inputs + 1), inputs)."""
    from SALib.sample import morris

    design: Floats = morris.sample(_problem(inputs), trajectories, num_levels=LEVELS, seed=seed + 1)
    return design


def mu_star(design: Floats, rows: Mapping[int, float]) -> Floats:
    """Return the mean of the size of each input's effects over its whole range.

    Args:
        design: of `morris_design`.
        rows: by row of the design, what it gave.

    Raises:
        InputError: a row is missing or not known.
    """
    from SALib.analyze import morris

    values = _in_order(rows, len(design))
    if _is_constant(values):
        return np.zeros(design.shape[1])
    analysis = morris.analyze(
        _problem(design.shape[1]), design, values, num_levels=LEVELS, seed=1, num_resamples=2
    )
    return np.asarray(np.ma.filled(analysis["mu_star"], 0.0), dtype=np.float64)


def sobol_design(groups: Sequence[str], samples: int, seed: int) -> Floats:
    """Return Saltelli's design in [0, 1]: for each sample A, A with one group of B, and B.

    Args:
        groups: of each input, the group with which it moves.
        samples: a power of two.
        seed: of the scramble.

    Raises:
        InputError: the number of samples is no power of two.
    """
    from SALib.sample import sobol

    check_power_of_two(samples)
    design: Floats = sobol.sample(
        _problem(len(groups), groups), samples, calc_second_order=False, seed=seed + 1
    )
    return design


def sobol_indices(
    groups: Sequence[str], rows: Mapping[int, float], samples: int
) -> dict[str, Index]:
    """Return Sobol's indices of each group of inputs; empty if nothing moves the number.

    Args:
        groups: of each input, as in the design.
        rows: by row of the design, what it gave.
        samples: of the design.

    Raises:
        InputError: a row is missing or not known, or the number of samples is no power of two.
    """
    from SALib.analyze import sobol

    check_power_of_two(samples)
    names = list(dict.fromkeys(groups))
    values = _in_order(rows, samples * (len(names) + 2))
    if _is_constant(values):
        return {}
    analysis = sobol.analyze(
        _problem(len(groups), groups), values, calc_second_order=False, seed=1,
        num_resamples=_RESAMPLES, keep_resamples=True,
    )  # fmt: skip
    return {name: _index(analysis, k) for k, name in enumerate(names)}


def _index(analysis: Mapping[str, Any], k: int) -> Index:
    first, total = (
        tuple(float(x) for x in np.nanpercentile(analysis[f"{of}_conf_all"][:, k], (2.5, 97.5)))
        for of in ("S1", "ST")
    )
    told = total[1] - total[0] <= _WIDEST
    ends = [(each[0], each[1]) for each in (first, total)]
    return Index(float(analysis["S1"][k]), ends[0], float(analysis["ST"][k]), ends[1], told)


def _problem(inputs: int, groups: Sequence[str] | None = None) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "num_vars": inputs, "names": [f"x{k}" for k in range(inputs)],
        "bounds": [[0.0, 1.0]] * inputs,
    }  # fmt: skip
    return problem if groups is None else {**problem, "groups": list(groups)}


def _in_order(rows: Mapping[int, float], size: int) -> Floats:
    """Return what rows of a design gave, in their order."""
    missing = [k for k in range(size) if not math.isfinite(rows.get(k, math.nan))]
    if missing or len(rows) != size:
        raise InputError(
            f"{len(missing)} of {size:,} runs of the design have no number, first run"
            f" {missing[0] if missing else size}; indices of what is left would be wrong"
        )
    return np.array([rows[k] for k in range(size)], dtype=np.float64)


def _is_constant(values: Floats) -> bool:
    return bool(np.ptp(values) <= _NOTHING * max(1.0, float(np.abs(values).max())))
