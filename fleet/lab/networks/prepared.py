"""A stranger's network made ready to be counted: open sizes set, cut before operators of others.

Exports leave the size of the picture open, and end in operators that only the vendor's runtime
knows. What comes before these is a network of standard operators with other outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fleet.errors import InputError
from fleet.lab.convert import onnx_file
from fleet.lab.convert.onnx_writer import onnx_package

_COLOURS = (1, 3)


@dataclass(frozen=True)
class Prepared:
    """A network that can be counted.

    Attributes:
        data: content of an ONNX file.
        left_out: what was cut off, in words; empty if nothing was.
    """

    data: bytes
    left_out: str = ""


def prepared(data: bytes, name: str, size: tuple[int, int] | None = None) -> Prepared:
    """Return a network with all its sizes set, without operators that are not of the standard.

    Args:
        data: content of an ONNX file.
        name: of the file, for messages.
        size: height and width for a picture whose size is open.

    Raises:
        InputError: the file is not sound, a size is open or is not, or nothing is left of it.
    """
    model = onnx_package().load_from_string(onnx_file.clean(data, name, foreign=True))
    _set_sizes(model.graph, name, size)
    left_out = _cut(model, name)
    return Prepared(model.SerializeToString(deterministic=True), left_out)


def _set_sizes(graph: Any, name: str, size: tuple[int, int] | None) -> None:
    """Give pictures whose size is open that size."""
    held = {tensor.name for tensor in graph.initializer}
    is_set = False
    for port in graph.input:
        dims = port.type.tensor_type.shape.dim
        if port.name in held or len(dims) != 4:
            continue
        high, wide = _sides([d.dim_value for d in dims])
        opened = [d for d in (dims[high], dims[wide]) if not d.HasField("dim_value")]
        if not opened:
            continue
        if size is None:
            shown = " x ".join(str(d.dim_value) if d.HasField("dim_value") else "?" for d in dims)
            raise InputError(
                f"{name}: input '{port.name}' is of size {shown}; say for which size of picture it"
                " is to be counted, such as --size 320x320"
            )
        dims[high].dim_value, dims[wide].dim_value = size
        is_set = True
    if size is not None and not is_set:
        raise InputError(
            f"{name}: takes pictures of one size only, so leave out --size {size[0]}x{size[1]}"
        )


def _sides(dims: Sequence[int]) -> tuple[int, int]:
    """Return where height and width stand: behind the colours, or before them."""
    return (1, 2) if dims[3] in _COLOURS and dims[1] not in _COLOURS else (2, 3)


def _cut(model: Any, name: str) -> str:
    """Take out operators that are not of the standard, and what hangs on them; return what went."""
    graph = model.graph
    foreign = [node for node in graph.node if node.domain not in onnx_file.STANDARD_DOMAINS]
    if not foreign:
        return ""
    kept, gone = [], 0
    missing: set[str] = set()
    for node in graph.node:
        if node.domain not in onnx_file.STANDARD_DOMAINS or missing.intersection(node.input):
            missing |= set(node.output)
            gone += 1
        else:
            kept.append(node)
    made = {tensor for node in kept for tensor in node.output if tensor}
    read = Counter(tensor for node in kept for tensor in node.input)
    wanted = {port.name for port in graph.output} - missing
    wanted |= {t for node in graph.node for t in node.input if missing.intersection(node.output)}
    outputs = [t for t in dict.fromkeys(t for node in kept for t in node.output) if t in wanted]
    outputs = outputs or [t for t in made if not read[t]]
    if not outputs:
        raise InputError(
            f"{name}: all hangs on operator {_named(foreign[0])}, which is not of the ONNX"
            " standard; export the model without it"
        )
    del graph.node[:], graph.output[:], graph.value_info[:]
    graph.node.extend(kept)
    for tensor in outputs:
        graph.output.add().name = tensor
    own = [o for o in model.opset_import if o.domain in onnx_file.STANDARD_DOMAINS]
    del model.opset_import[:]
    model.opset_import.extend(own)
    return (
        f"counted up to operator {_named(foreign[0])}, which is not of the ONNX standard: {gone} of"
        f" {gone + len(kept)} operators are left out"
    )


def _named(node: Any) -> str:
    return f"'{node.domain[:40]}.{node.op_type[:40]}'"
