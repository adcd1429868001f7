"""Arrays of one kind of number, by name, and tables whose columns have names."""

from __future__ import annotations

import copyreg
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]
"""Random words, or where they begin."""
Bools = NDArray[np.bool_]


T = TypeVar("T", bound="Table")

Record = Any
"""A row of a table; what it has of its columns is not checked."""


class Table(np.recarray[Any, Any]):
    """A table with a row each, whose columns have names: a subclass says which, and is its schema.

    A column is taken as ``table.column``, of all rows. What kernels take are record arrays with
    these columns; the classes are only the names that a type checker sees.
    """

    WIDE: ClassVar[Mapping[str, int]] = {}
    """Columns that hold several numbers in a row, and how many."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __getitem__(self, at: int | np.int64) -> Record: ...
        @overload
        def __getitem__(self, at: slice | NDArray[Any]) -> Self: ...
        def __getitem__(self, at: Any) -> Any:
            """Return a row, or a table of some."""

    @classmethod
    def row_type(cls) -> np.dtype[Any]:
        """Return the type of a row: 8 bytes a number, in the order in which columns stand."""
        kinds = {"Ints": np.int64, "Floats": np.float64}
        return np.dtype(
            [(name, kinds[of], cls.WIDE.get(name, ())) for name, of in cls.__annotations__.items()]
        )

    @classmethod
    def zeros(cls, rows: int) -> Self:
        """Return a table of so many rows of zeros."""
        return cls._cast(np.zeros(rows, dtype=cls.row_type()))

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> Self:
        """Return a table of some rows, whose numbers stand in the order of the columns."""
        return cls._cast(np.array([tuple(row) for row in rows], dtype=cls.row_type()))

    @classmethod
    def _cast(cls, rows: NDArray[Any]) -> Self:
        return cast(Self, as_table(rows))


def bare(table: T) -> T:
    """Return a table as a plain array of its rows, for kernels that are called often.

    Of a record array numba finds out the type anew whenever it is handed to one, which takes some
    microseconds; kernels take columns from either by name, which here only they can.
    """
    return cast(T, table.view(np.ndarray))


def as_table(rows: NDArray[Any]) -> Any:
    """Return rows of numbers by name as a table: the same memory."""
    return rows.view(np.recarray)


def _reduced(table: np.recarray[Any, Any]) -> tuple[Any, ...]:
    """Return how to make a table again: from a plain array, which processes share uncopied."""
    return as_table, (np.asarray(table).view(np.dtype(table.dtype.descr)),)


copyreg.pickle(np.recarray, _reduced)
