"""Many short texts in two arrays: a string of Python's own takes three times as much memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np

_AT_A_TIME = 10_000


class Texts(Sequence[str]):
    """A sequence of texts that does not change; strings are made as they are asked for."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Take some texts over."""
        written = [text.encode() for text in texts]
        self._letters = b"".join(written)
        self._ends = np.cumsum([0, *map(len, written)], dtype=np.int64)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        """Return a text, or some."""
        if isinstance(at, slice):
            first, end, step = at.indices(len(self))
            return [self[k] for k in range(first, end, step)]
        k = range(len(self))[at]  # from the end too, and none that is beyond it
        return self._letters[int(self._ends[k]) : int(self._ends[k + 1])].decode()

    def __iter__(self) -> Iterator[str]:
        """Yield the texts."""
        for first in range(0, len(self), _AT_A_TIME):
            ends: list[int] = self._ends[first : first + _AT_A_TIME + 1].tolist()
            for begin, end in itertools.pairwise(ends):
                yield self._letters[begin:end].decode()

    def __eq__(self, other: object) -> bool:
        """Return whether another sequence has the same texts."""
        if isinstance(other, Texts):
            return self._letters == other._letters and np.array_equal(self._ends, other._ends)
        return isinstance(other, Sequence) and len(self) == len(other) and list(self) == list(other)
