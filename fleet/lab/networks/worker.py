"""A process of its own in which a stranger's model is loaded and run, within limits.

A file can be sound and still take all memory or never end, or meet a flaw of the runtime. It then
takes down this process and not the command. What goes in is the file and a request, what comes back
is JSON. Run as `python -m fleet.lab.networks.worker`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fleet import child
from fleet.errors import InputError
from fleet.lab.networks.session import Session, TooLargeError, blank, runtime_version

_WARM_UP = 2
_PACKAGE_AT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Limits:
    """What a model may use.

    Attributes:
        memory_bytes: on top of what an idle worker has.
        cpu_s: time of the processor.
        wall_s: time by the clock.
    """

    memory_bytes: int = 2 * 2**30
    cpu_s: int = 60
    wall_s: float = 120.0


DEFAULT = Limits()


@dataclass(frozen=True)
class Trial:
    """What a worker saw.

    Attributes:
        shapes: of each output of the network, with batch 1.
        dtypes: of each output.
        any_batch: whether the network takes several pictures at once.
        times_ns: of each run, by batch.
    """

    shapes: dict[str, list[int]]
    dtypes: dict[str, str]
    any_batch: bool
    times_ns: dict[int, list[int]]


def trial(
    data: bytes,
    name: str,
    *,
    batches: Sequence[int] = (),
    repeats: int = 0,
    optimised: bool = True,
    limits: Limits = DEFAULT,
) -> Trial:
    """Load a model in a process of its own, run it once, and perhaps time it.

    Args:
        data: content of an ONNX file.
        name: of the file, for messages.
        batches: numbers of pictures at once to time; more than 1 only where the model allows.
        repeats: runs of each.
        optimised: whether onnxruntime may rearrange the network.
        limits: what the process may use.

    Raises:
        InputError: the model is not sound, or met a limit; says which.
    """
    asked = {
        "name": name, "batches": list(batches), "repeats": repeats, "optimised": optimised,
        "limits": asdict(limits),
    }  # fmt: skip
    try:
        done = child.run(
            [sys.executable, "-P", "-m", "fleet.lab.networks.worker", json.dumps(asked)],
            data,
            env=os.environ | {"PYTHONPATH": str(_PACKAGE_AT), "OMP_NUM_THREADS": "1"},
            wall_s=limits.wall_s,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{name}: took more than {limits.wall_s:g} s; give a smaller model"
        ) from None
    return _answer(done.stdout, done.returncode, name, limits)


def _answer(text: bytes, code: int, name: str, limits: Limits) -> Trial:
    if code == -signal.SIGXCPU:
        raise InputError(
            f"{name}: took more than {limits.cpu_s} s of the processor; give a smaller model"
        )
    try:
        found = json.loads(text)
    except ValueError:
        raise InputError(
            f"{name}: the process that tried it out ended with code {code}, most likely out of"
            f" memory ({limits.memory_bytes:,} B are allowed); give a smaller or sound model"
        ) from None
    if "error" in found:
        raise InputError(found["error"])
    times = {int(batch): times for batch, times in found["times_ns"].items()}
    return Trial(found["shapes"], found["dtypes"], found["any_batch"], times)


def _attempt(data: bytes, asked: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked, in the worker."""
    session = Session(data, asked["name"], optimised=asked["optimised"])
    found = session.run(*blank(session.inputs))
    names = [port.name for port in session.outputs]
    times: dict[int, list[int]] = {}
    for batch in asked["batches"]:
        if batch == 1 or session.any_batch:
            times[batch] = _timed(session, batch, asked["repeats"])
    return {
        "shapes": {n: list(f.shape) for n, f in zip(names, found, strict=True)},
        "dtypes": {n: str(f.dtype) for n, f in zip(names, found, strict=True)},
        "any_batch": session.any_batch,
        "times_ns": times,
    }


def _timed(session: Session, batch: int, repeats: int) -> list[int]:
    inputs = blank(session.inputs, batch)
    for _ in range(_WARM_UP):
        session.run(*inputs)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter_ns()
        session.run(*inputs)
        times.append(time.perf_counter_ns() - begin)
    return times


def _restrain(limits: dict[str, Any]) -> None:
    """Set limits on this process; what is loaded by now does not count."""
    import resource

    runtime_version()  # loads the runtime
    memory_bytes, cpu_s = _used_bytes() + limits["memory_bytes"], limits["cpu_s"]
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s, cpu_s + 5),  # so that the first to end it says why
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
    ):
        # Some systems refuse some limits; the limit of time by the clock holds everywhere.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft, hard))


def _used_bytes() -> int:
    """Return the address space that this process takes, 0 if the system does not say."""
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def main() -> None:
    """Answer one request."""
    asked = json.loads(sys.argv[1])
    data = sys.stdin.buffer.read()
    _restrain(asked["limits"])
    try:
        answer = _attempt(data, asked)
    except (TooLargeError, MemoryError):
        most = asked["limits"]["memory_bytes"]
        problem = f"needs more than {most:,} B of memory; give a smaller model"
        answer = {"error": f"{asked['name']}: {problem}"}
    except InputError as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
