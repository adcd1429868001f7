"""How hot loops are compiled: to machine code, once, and without counting references.

A kernel reads and writes arrays that it is given and makes none itself. That is worth a rule: where
numba must keep count of who holds an array, taking one out of a tuple or handing it to a function
costs an atomic operation, which made the loops here three to five times slower.

An inlined function is written into the kernels that use it and costs nothing when it is called.

Machine code is kept beside the sources or in the user's cache; where neither can be written, as in
a container, in a folder of the system's place for temporary files that is the user's alone.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from llvmlite import ir
from numba import config as _config
from numba import njit, types
from numba.core import event as _event
from numba.extending import intrinsic

from fleet.telling import tell

config: Any = _config  # numba has no types of these two
event: Any = _event
F = TypeVar("F", bound=Callable[..., Any])


def _keeps() -> bool:
    """Find a place for compiled kernels; return whether there is one."""
    if config.CACHE_DIR or os.access(Path(__file__).parent, os.W_OK):
        return True
    users = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    for folder in (
        Path(users, "fleet-kernels").expanduser(),
        Path(tempfile.gettempdir(), f"fleet-kernels-{os.getuid()}"),
    ):
        with contextlib.suppress(OSError, RuntimeError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = folder.lstat()
            # What is kept is run when it is read: nobody else may have put it there.
            is_mine = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
            if is_mine and not about.st_mode & 0o022 and os.access(folder, os.W_OK):
                config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"] = str(folder)
                return True
    return False


class _Told(_event.Listener):
    """Tells, once, that kernels are being compiled, which takes a while in which nothing moves."""

    told = False

    def on_start(self, event: Any) -> None:
        """Tell at the first kernel."""
        if not self.told:
            self.told = True
            tell("compiling (once; what is compiled is kept) ...")

    def on_end(self, event: Any) -> None:
        """Do nothing: another kernel may follow."""


_KEPT = _keeps()
event.register("numba:compile", _Told())


def _compiled(function: F, **options: Any) -> F:
    # `_nrt` is numba's name for the run time that counts references; the option has no other.
    everywhere: dict[str, Any] = {"cache": _KEPT, "error_model": "numpy", "_nrt": False}
    compiled: F = njit(**everywhere, **options)(function)
    return compiled


def kernel(function: F) -> F:
    """Compile a function on numbers and arrays, which allocates nothing; it is kept on disk."""
    return _compiled(function)


def inlined(function: F) -> F:
    """Compile a function whose machine code is written into the kernels that call it."""
    return _compiled(function, forceinline=True)


def written_out(function: F) -> F:
    """Have a function written into its callers before they are compiled: it may return arrays.

    Numba does this by rewriting the caller, which is slow: a third of the time to compile all
    kernels went into it when all that is inlined was written out.
    """
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


def _choose(typing: Any, flag: Any, one: Any, other: Any) -> Any:
    """Generate the code of `choose`; numba asks for it once for each kind of number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        holds = context.cast(builder, arguments[0], signature.args[0], types.boolean)
        numbers = [
            context.cast(builder, value, kind, signature.return_type)
            for value, kind in zip(arguments[1:], signature.args[1:], strict=True)
        ]
        return builder.select(builder.trunc(holds, ir.IntType(1)), *numbers)

    return types.int64(flag, one, other), generate


choose: Any = intrinsic(_choose)
"""One of two whole numbers, in a kernel: `choose(flag, one, other)`.

Where loops are to be vector instructions: the compiler makes branches of conditions that stand in
several expressions, and of these stores under a mask, which are slow on some processors.
"""
