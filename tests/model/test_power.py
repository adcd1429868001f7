"""Energies are exact integers, also where their sum is more than any of 64 bits."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet.model.power import dot, states

AMOUNTS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20)


@given(AMOUNTS, st.data())
def test_sums_of_amounts_are_exact(amounts: list[int], data: st.DataObject) -> None:
    powers = data.draw(
        st.lists(st.integers(0, 2**40), min_size=len(amounts), max_size=len(amounts))
    )
    spent_ns, power_uw = np.array(amounts, dtype=np.int64), np.array(powers, dtype=np.int64)
    expected = sum(a * p for a, p in zip(amounts, powers, strict=True))
    assert dot(spent_ns, power_uw) == expected
    (state,) = states("sensor", {"host": spent_ns}, {"host": power_uw})
    assert (state.time_ns, state.energy_fj) == (sum(amounts), expected)
