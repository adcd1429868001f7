"""What frames cost at their sensors, as it is booked."""

from __future__ import annotations

from fleet.kernel import inlined
from fleet.model.books import (
    COMPUTE_NS,
    GAVE_COMPUTING_FJ,
    GAVE_COMPUTING_NJ,
    GAVE_SENSING_NS,
    SENSE_NS,
    Books,
    measured_ns,
    split_energy,
)
from fleet.model.frames import CAPTURE, Columns
from fleet.model.setup import Setups


@inlined
def read_out(columns: Columns, i: int, s: int, read_ns: int, books: Books) -> None:
    """Count what was spent on reading a frame out."""
    began = columns[CAPTURE, i]
    books.sensors[s, SENSE_NS] += measured_ns(began, began + read_ns, books.since_ns)
    if len(books.gave):
        books.gave[s, GAVE_SENSING_NS] += read_ns


@inlined
def spend(
    s: int, k: int, ended: int, spent_ns: int, times: int, setups: Setups, books: Books
) -> int:
    """Count what a setup spent on a frame up to a time, in so many times; return its beginning."""
    begun: int = ended - spent_ns
    computing = measured_ns(begun, ended, books.since_ns)
    books.sensors[s, COMPUTE_NS] += computing
    books.computing_ns[k] += computing
    books.computed[k] += times
    if len(books.gave):
        whole, left = split_energy(spent_ns, setups.compute_uw[k])
        books.gave[s, GAVE_COMPUTING_NJ] += whole
        books.gave[s, GAVE_COMPUTING_FJ] += left
    return begun
