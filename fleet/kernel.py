"""How hot loops are compiled: to machine code, once, and without counting references.

A kernel reads and writes arrays that it is given and makes none itself. That is worth a rule: where
numba must keep count of who holds an array, taking one out of a tuple or handing it to a function
costs an atomic operation, which made the loops here three to five times slower.

An inlined function is written into the kernels that use it, at no cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

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


def _fetch(typing: Any, table: Any, row: Any) -> Any:
    """Generate the code of `fetch`; numba asks for it once for each kind of table."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        start = builder.ptrtoint(array.data, ir.IntType(64))
        behind = builder.mul(arguments[1], builder.extract_value(array.strides, 0))
        address = builder.inttoptr(builder.add(start, behind), ir.IntType(8).as_pointer())
        kind = ir.IntType(32)
        takes = ir.FunctionType(ir.VoidType(), [address.type, kind, kind, kind])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [address.type], takes)
        builder.call(prefetch, [address, kind(0), kind(3), kind(1)])  # to be read, often, as data
        return context.get_dummy_value()

    return types.none(table, types.int64), generate


fetch: Any = intrinsic(_fetch)
"""Has a row of a table fetched into the cache, in a kernel: `fetch(table, row)`."""
