"""How hot loops are compiled: to machine code, once, and without counting references.

A kernel reads and writes arrays that it is given and makes none itself. That is worth a rule: where
numba must keep count of who holds an array, taking one out of a tuple or handing it to a function
costs an atomic operation, which made the loops here three to five times slower.

An inlined function is written into the kernels that use it, at no cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def _compiled(function: F, **options: Any) -> F:
    # `_nrt` is numba's name for the run time that counts references; the option has no other.
    everywhere: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}
    compiled: F = njit(**everywhere, **options)(function)
    return compiled


def kernel(function: F) -> F:
    """Compile a function on numbers and arrays, which allocates nothing; it is kept on disk."""
    return _compiled(function)


def inlined(function: F) -> F:
    """Compile a function that is written in place into the kernels that call it."""
    return _compiled(function, inline="always")
