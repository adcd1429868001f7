"""Arrays of one kind of number, by name, and tables whose columns have names."""

from __future__ import annotations

import copyreg
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast, overload

import numpy as np
from numpy.typing import NDArray

LIGHT_COUNT = 4
"""Day, dusk, night and rain (`fleet.model.sight.LIGHTS`)."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]
"""Random words, or where they begin."""
ByLight = NDArray[np.float64]
"""A number for each light."""
Bools = NDArray[np.bool_]


Record = Any
"""A row of a table; what it has of its columns is not checked."""


class Table(np.recarray[Any, Any]):
    """A table with a row each, whose columns have names: a subclass says which, and is its schema.

    A column is taken as ``table.column``, of all rows. What kernels take are record arrays with
    these columns; the classes are only the names that a type checker sees.
    """

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __getitem__(self, at: int | np.int64) -> Record: ...
        @overload
        def __getitem__(self, at: slice | NDArray[Any]) -> Self: ...
        def __getitem__(self, at: Any) -> Any:
            """Return a row, or a table of some."""

    @classmethod
    def row_type(cls) -> np.dtype[Any]:
        """Return the type of a row: 8 bytes for each column, in the order in which they stand."""
        kinds: dict[str, Any] = {
            "Ints": np.int64, "Floats": np.float64, "ByLight": (np.float64, (LIGHT_COUNT,))
        }  # fmt: skip
        return np.dtype([(name, kinds[of]) for name, of in cls.__annotations__.items()])

    @classmethod
    def zeros(cls, rows: int) -> Self:
        """Return a table of so many rows of zeros."""
        return cls._cast(np.zeros(rows, dtype=cls.row_type()))

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> Self:
        """Return a table of some rows, whose numbers stand in the order of the columns."""
        return cls._cast(np.array([tuple(row) for row in rows], dtype=cls.row_type()))

    @classmethod
    def joined(cls, columns: Mapping[str, Any], rows: int) -> Self:
        """Return a table of some columns; all others are zero."""
        table = cls.zeros(rows)
        for name, column in columns.items():
            table[name] = column
        return table

    @classmethod
    def _cast(cls, rows: NDArray[Any]) -> Self:
        return cast(Self, as_table(rows))


def numbers(table: Table) -> Ints:
    """Return the numbers of a table of whole numbers as an array; shape (rows, columns), a view."""
    return np.asarray(table).view(np.int64).reshape(*table.shape, -1)


def as_table(rows: NDArray[Any]) -> Any:
    """Return rows of numbers by name as a table: the same memory."""
    return rows.view(np.recarray)


def _reduced(table: np.recarray[Any, Any]) -> tuple[Any, ...]:
    """Return how to make a table again: from a plain array, which processes share uncopied."""
    return as_table, (np.asarray(table).view(np.dtype(table.dtype.descr)),)


copyreg.pickle(np.recarray, _reduced)
