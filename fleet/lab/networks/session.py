"""A network ready to run: the only module that knows onnxruntime.

One thread and the plain processor, so that the same pictures give the same numbers on a machine
whatever else it does.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.errors import InputError, eyes_missing
from fleet.interrupt import check
from fleet.lab.convert import onnx_file

Array = NDArray[Any]

_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8, "tensor(int8)": np.int8, "tensor(int32)": np.int32,
    "tensor(int64)": np.int64, "tensor(bool)": np.bool_,
}  # fmt: skip
DTYPES = {np.dtype(kind).name: np.dtype(kind) for kind in _TYPES.values()}
"""What inputs and outputs may be made of, by name."""

_NOWHERE = f"{os.devnull}/none"  # no folder, and none can be made there
_QUIET = 4  # onnxruntime's level of logging: fatal errors only
_LONGEST_REASON = 200


class TooLargeError(InputError):
    """A network that needs more memory than there is."""


class Port(NamedTuple):
    """An input or output of a network.

    Attributes:
        name: in the file.
        shape: sizes; None where any size will do, which of an input is the first at most.
        dtype: of its numbers.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]


class Network(Protocol):
    """A network that runs, wherever it does.

    Attributes:
        name: of the file, for messages.
        inputs: what it takes.
        outputs: what it says.
        metadata: what the file says of it.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: dict[str, str]

    @property
    def any_batch(self) -> bool:
        """Return whether the network takes several pictures at once."""

    def run(self, *inputs: Array) -> list[Array]:
        """Return the outputs of the network, in its order.

        Args:
            inputs: one for each of the network's, in its order, with its shape and dtype.

        Raises:
            InputError: the network cannot run on them.
            Interrupted: the command is to end.
        """


class Session:
    """A network that runs in this process: one of ours, or in a worker one of a stranger."""

    def __init__(self, data: bytes, name: str, *, optimised: bool = True) -> None:
        """Load a model.

        Args:
            data: content of an ONNX file.
            name: of the file, for messages.
            optimised: whether onnxruntime may rearrange the network.

        Raises:
            InputError: the file is not a sound model of fixed size; says what is wrong.
        """
        self.name = name
        self._session = self._load(onnx_file.clean(data, name), optimised)
        self.inputs = tuple(self._port(p) for p in self._session.get_inputs())
        self.outputs = tuple(self._port(p) for p in self._session.get_outputs())
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        for port in self.inputs:
            self._check_input(port)

    @property
    def any_batch(self) -> bool:
        """Return whether the network takes several pictures at once."""
        return takes_any_batch(self.inputs)

    def run(self, *inputs: Array) -> list[Array]:
        """Return the outputs of the network; see `Network`."""
        check()
        feed = {port.name: array for port, array in zip(self.inputs, inputs, strict=True)}
        try:
            outputs: list[Array] = self._session.run(None, feed)
        except Exception as error:  # onnxruntime's errors have no common base
            raise self._error("cannot be run", error) from None
        return outputs

    def _load(self, data: bytes, optimised: bool) -> Any:
        ort = _runtime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _QUIET
        options.use_deterministic_compute = True
        # Without this, products in eight bits overflow on processors that lack instructions for
        # them, silently: a network would find other things there.
        options.add_session_config_entry("session.x64quantprecision", "1")
        # What a file says of other files is refused before; this is for what was overlooked.
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", _NOWHERE
        )
        if not optimised:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # as above
            raise self._error("cannot be loaded", error) from None

    def _port(self, port: Any) -> Port:
        if port.type not in _TYPES:
            raise InputError(
                f"{self.name}: '{port.name}' is of type {port.type}; inputs and outputs must be"
                f" one of {', '.join(_TYPES)}"
            )
        shape = tuple(s if isinstance(s, int) and s >= 0 else None for s in port.shape)
        return Port(port.name, shape, np.dtype(_TYPES[port.type]))

    def _check_input(self, port: Port) -> None:
        if None in port.shape[1:] or 0 in port.shape:
            shown = " x ".join("?" if s is None else str(s) for s in port.shape)
            raise InputError(
                f"{self.name}: input '{port.name}' is of size {shown}; only the first may be left"
                " open (the batch), so export the model with a fixed picture size"
            )

    def _error(self, problem: str, error: Exception) -> InputError:
        """Return an error with the reason that onnxruntime gives, on one line and not long."""
        reason = " ".join(str(error).split()) or type(error).__name__
        if "allocate memory" in reason or "bad_alloc" in reason or isinstance(error, MemoryError):
            return TooLargeError(
                f"{self.name}: needs more memory than there is; give a smaller model"
            )
        if len(reason) > _LONGEST_REASON:
            reason = f"{reason[:_LONGEST_REASON]}..."
        return InputError(f"{self.name}: {problem}: {reason}; export the model again")


@functools.cache
def _runtime() -> Any:
    """Return onnxruntime, made quiet: it neither logs nor sends anything home."""
    import onnxruntime as ort

    ort.set_default_logger_severity(_QUIET)
    ort.disable_telemetry_events()
    return ort


def runtime_version() -> str:
    """Return the version of onnxruntime."""
    version: str = _runtime().__version__
    return version


def read(path: Path) -> bytes:
    """Return the content of a model file, which is not read at all if it is too large.

    Raises:
        InputError: it cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(onnx_file.LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; name an ONNX file") from None
    if len(data) > onnx_file.LARGEST_BYTES:
        raise InputError(
            f"{path}: is larger than {onnx_file.LARGEST_BYTES:,} B; give a smaller model"
        )
    return data


def takes_any_batch(inputs: Sequence[Port]) -> bool:
    """Return whether a network with such inputs takes several pictures at once."""
    return all(port.shape[:1] == (None,) for port in inputs)


def blank(ports: Sequence[Port], batch: int = 1) -> list[Array]:
    """Return zeros for the inputs of a network."""
    shapes = [tuple(batch if s is None else s for s in port.shape) for port in ports]
    return [np.zeros(shape, port.dtype) for shape, port in zip(shapes, ports, strict=True)]


def quantiser() -> Any:
    """Return onnxruntime's tools for networks in eight bits.

    Raises:
        InputError: the package that they need is not installed.
    """
    try:
        from onnxruntime import quantization
    except ImportError:
        raise eyes_missing("this needs the package 'onnx'") from None
    return quantization
