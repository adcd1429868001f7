"""What is inside an ONNX file, read without trusting it and before anything else reads it.

An ONNX file is a protobuf message: fields, each a key (number and wire type) and a value; a value
of bytes may be a message itself. The numbers are those of onnx.proto3 (github.com/onnx/onnx), the
encoding is that of https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fleet.errors import InputError

LARGEST_BYTES = 64 * 2**20
"""More than any network that an image sensor or a small server runs here."""

MOST_NODES, MOST_FIELDS = 20_000, 500_000
"""A file with more takes long to read and is no such network either."""

STANDARD_DOMAINS = ("", "ai.onnx")
"""Operators of these are part of the ONNX standard; all others are somebody's own."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST = 16  # graphs in attributes of nodes in graphs ...
_EXTERNAL = 1

# For each message, the fields that hold further messages worth looking into.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_OP_TYPE, _DOMAIN = 4, 7  # of a node
_TENSOR_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14
_IR_VERSION = 1


class _Field(NamedTuple):
    number: int
    wire: int
    number_value: int
    data: memoryview


def check(data: bytes, name: str, *, foreign: bool = False) -> None:
    """Refuse a file that is no ONNX model, is too large, or reaches outside of itself.

    Args:
        data: content of the file.
        name: of the file, for messages.
        foreign: let operators pass that are not of the standard; then it must not be run.

    Raises:
        InputError: it is not an ONNX model of standard operators that holds all its weights; says
            what is wrong.
    """
    if len(data) > LARGEST_BYTES:
        raise InputError(
            f"{name}: {len(data):,} B are more than {LARGEST_BYTES:,} B; give a smaller model"
        )
    if data[4:8] == b"ORTM":
        raise InputError(f"{name}: is in onnxruntime's own format; give the ONNX file itself")
    walk = _Walk(name, foreign)
    walk.message("model", memoryview(data), 0)
    if not (walk.has_version and walk.nodes):
        raise InputError(f"{name}: is not an ONNX model: it has no version or no operators")


class _Walk:
    """Goes through the messages of a model; remembers what it met."""

    def __init__(self, name: str, foreign: bool) -> None:
        self.name, self.foreign = name, foreign
        self.nodes = self.fields = 0
        self.has_version = False

    def message(self, kind: str, data: memoryview, depth: int) -> None:
        """Look into a message of a kind, and into those inside."""
        if depth > _DEEPEST:
            raise self._error("graphs are nested too deeply; give a plain network")
        fields = list(self._fields(data))
        if kind == "node":
            self._node(fields)
        elif kind == "tensor":
            self._tensor(fields)
        for field in fields:
            if kind == "model" and field.number == _IR_VERSION:
                self.has_version = True
            inside = _INSIDE[kind].get(field.number)
            if inside == "function":
                raise self._error("defines operators of its own (functions); inline them")
            if inside is not None:
                if field.wire != _BYTES:
                    raise self._error("is not an ONNX model: a message is a number")
                self.message(inside, field.data, depth + 1)

    def _node(self, fields: list[_Field]) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise self._error(f"has more than {MOST_NODES:,} operators; give a smaller model")
        domain, operator = _text(fields, _DOMAIN), _text(fields, _OP_TYPE)
        if domain not in STANDARD_DOMAINS and not self.foreign:
            raise self._error(
                f"operator '{operator}' is of domain '{domain}'; only standard ONNX operators run"
                " here, so export the model without it"
            )

    def _tensor(self, fields: list[_Field]) -> None:
        outside = any(
            f.number == _EXTERNAL_DATA
            or (f.number == _DATA_LOCATION and f.number_value == _EXTERNAL)
            for f in fields
        )
        if outside:
            raise self._error(
                f"tensor '{_text(fields, _TENSOR_NAME)}' lies in another file; save the model with"
                " all its weights inside"
            )

    def _fields(self, data: memoryview) -> Iterator[_Field]:
        at = 0
        while at < len(data):
            self.fields += 1
            if self.fields > MOST_FIELDS:
                raise self._error(f"has more than {MOST_FIELDS:,} parts; give a smaller model")
            key, at = self._varint(data, at)
            wire, value, length = key & 7, 0, 0
            if wire == _VARINT:
                value, at = self._varint(data, at)
            elif wire == _BYTES:
                length, at = self._varint(data, at)
            elif wire in (_FIXED32, _FIXED64):
                length = 4 if wire == _FIXED32 else 8
            else:
                raise self._error("is not an ONNX model, or is damaged")
            if at + length > len(data):
                raise self._error("is not an ONNX model, or is cut short")
            yield _Field(key >> 3, wire, value, data[at : at + length])
            at += length

    def _varint(self, data: memoryview, at: int) -> tuple[int, int]:
        """Return a number and where the next value starts: seven bits a byte, lowest first."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= len(data):
                raise self._error("is not an ONNX model, or is cut short")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise self._error("is not an ONNX model, or is damaged")

    def _error(self, problem: str) -> InputError:
        return InputError(f"{self.name}: {problem}")


def _text(fields: list[_Field], number: int) -> str:
    """Return the last text of a field, which is the one that counts; printable, and not long."""
    last = next((f.data for f in reversed(fields) if f.number == number), memoryview(b""))
    return "".join(c for c in bytes(last[:80]).decode("utf-8", "replace") if c.isprintable())
