"""Networks of strangers, which are loaded and run in a process of their own, within limits.

A file can be sound and still take all memory or never end, or meet a flaw of the runtime. It then
takes down its worker and not the command, which never loads it itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from fleet.errors import InputError
from fleet.interrupt import in_haste
from fleet.lab.networks.messages import Line, arrays_of, described
from fleet.lab.networks.session import (
    DTYPES,
    Array,
    Port,
    TooLargeError,
    blank,
    takes_any_batch,
)
from fleet.passing import passing_folder

T = TypeVar("T")

_PACKAGE_AT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Limits:
    """What a model may use for one thing that it is asked.

    Attributes:
        memory_bytes: on top of what an idle worker has.
        cpu_s: time of the processor.
        wall_s: time by the clock.
    """

    memory_bytes: int = 2 * 2**30
    cpu_s: int = 60
    wall_s: float = 120.0


DEFAULT = Limits()
THOROUGH = Limits(cpu_s=300, wall_s=600)


@dataclass(frozen=True)
class Trial:
    """What a network does on blank pictures.

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
    """Load a model, run it once, and perhaps time it.

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
    network = Apart(data, name, optimised=optimised, limits=limits)
    outputs = network.run(*blank(network.inputs))
    names = [port.name for port in network.outputs]
    return Trial(
        shapes={n: list(f.shape) for n, f in zip(names, outputs, strict=True)},
        dtypes={n: f.dtype.name for n, f in zip(names, outputs, strict=True)},
        any_batch=network.any_batch,
        times_ns=network.times_ns(batches, repeats),
    )


class Apart:
    """A network that runs in a process of its own; see `fleet.lab.networks.session.Network`."""

    def __init__(
        self, data: bytes, name: str, *, optimised: bool = True, limits: Limits = DEFAULT
    ) -> None:
        """Load a model.

        Args:
            data: content of an ONNX file.
            name: of the file, for messages.
            optimised: whether onnxruntime may rearrange the network.
            limits: what it may use for each thing that it is asked.

        Raises:
            InputError: the file is not a sound model of fixed size, or met a limit; says which.
        """
        self.name = name
        self._worker = _Worker(name, limits)
        self.inputs, self.outputs, self.metadata = self._worker.ask(
            {"do": "open", "optimised": optimised}, [data],
            lambda said, _: (_ports(said["inputs"]), _ports(said["outputs"]), said["metadata"]),
        )  # fmt: skip

    @property
    def any_batch(self) -> bool:
        """Return whether the network takes several pictures at once."""
        return takes_any_batch(self.inputs)

    def run(self, *inputs: Array) -> list[Array]:
        """Return the outputs of the network; see `Network`."""
        arrays, blocks = described(inputs)
        return self._worker.ask(
            {"do": "run", "arrays": arrays}, blocks,
            lambda said, data: arrays_of(said["arrays"], data),
        )  # fmt: skip

    def times_ns(self, batches: Sequence[int], repeats: int) -> dict[int, list[int]]:
        """Return how long runs on blank pictures take, by the number of pictures at once.

        Args:
            batches: these numbers; more than 1 only where the network allows.
            repeats: runs of each.
        """
        asked = [batch for batch in batches if batch == 1 or self.any_batch]
        return self._worker.ask(
            {"do": "time", "batches": asked, "repeats": repeats}, [],
            lambda said, _: dict(
                zip(asked, [[int(t) for t in times] for times in said["times_ns"]], strict=True)
            ),
        )  # fmt: skip


def _ports(said: Sequence[Any]) -> tuple[Port, ...]:
    return tuple(
        Port(str(name), tuple(None if n is None else int(n) for n in shape), DTYPES[dtype])
        for name, shape, dtype in said
    )


def in_eight_bits(
    data: bytes, name: str, samples: Sequence[Array], limits: Limits = DEFAULT
) -> bytes:
    """Return a model in eight bits, made by a process of its own; see `quantise.quantised`."""
    arrays, blocks = described(samples)
    with passing_folder() as folder:
        asked = {"do": "quantise", "arrays": arrays, "folder": str(folder)}
        return _Worker(name, limits).ask(asked, [*blocks, data], lambda _, made: made[0])


class _Worker:
    """A process that answers, one thing after the other; it ends with this object."""

    def __init__(self, name: str, limits: Limits) -> None:
        self._name, self._limits = name, limits
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "fleet.lab.networks.worker",
                 json.dumps(asdict(limits) | {"name": name})],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=_env(),
            )  # fmt: skip
        self._line = Line(ours)
        weakref.finalize(self, _end, self._process, ours)

    def ask(
        self, head: dict[str, Any], blocks: Sequence[bytes],
        read: Callable[[dict[str, Any], list[bytes]], T],
    ) -> T:  # fmt: skip
        """Return the answer.

        Args:
            head: what is asked.
            blocks: bytes that go with it.
            read: makes of an answer and its bytes what it means.

        Raises:
            InputError: there is none, or it is that something is wrong; says what.
            Interrupted: the command is to end.
        """
        self._line.until_s = time.monotonic() + self._limits.wall_s
        try:
            with in_haste(self._process.kill):
                self._line.send(head, blocks)
                said, data = self._line.receive()
            if "error" not in said:
                return read(said, data)
            problem, kind = str(said["error"]), TooLargeError if said["is_large"] else InputError
        except TimeoutError:
            self._process.kill()
            raise InputError(
                f"{self._name}: took more than {self._limits.wall_s:g} s; give a smaller model"
            ) from None
        except (EOFError, IndexError, KeyError, TypeError, ValueError):
            raise self._fallen() from None
        raise kind(problem)

    def _fallen(self) -> InputError:
        """Return why the process says nothing any more."""
        self._process.kill()  # if it has not ended, but talks nonsense
        code = self._process.wait()
        if code == -signal.SIGXCPU:
            return InputError(
                f"{self._name}: took more than {self._limits.cpu_s} s of the processor; give a"
                " smaller model"
            )
        return InputError(
            f"{self._name}: the process that ran it ended with code {code}, most likely out of"
            f" memory ({self._limits.memory_bytes:,} B are allowed); give a smaller or sound model"
        )


def _env() -> dict[str, str]:
    """Return what a worker is told of its surroundings: nothing of clusters and their tokens."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
    return kept | {"PYTHONPATH": str(_PACKAGE_AT), "OMP_NUM_THREADS": "1"}


def _end(process: subprocess.Popen[bytes], end: socket.socket) -> None:
    """End a worker for which nobody has further questions."""
    end.close()
    with contextlib.suppress(OSError):
        process.kill()
    process.wait()
