"""An ONNX file of a stranger: refused, or made into one of which every reader takes the same.

An ONNX file is a protobuf message: fields, each a key (number and wire type) and a value; a value
of bytes may be a message itself (https://protobuf.dev/programming-guides/encoding). Readers differ
in what they make of keys and numbers that are longer than they need be, of fields that they do not
know and of those that stand twice. So such bytes are refused one by one, what is left is parsed,
what the parser saw is checked, and only that is written anew and goes on to the runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from fleet.errors import InputError
from fleet.lab.convert.onnx_schema import BYTES, MESSAGES, Field, model_class

LARGEST_BYTES = 64 * 2**20
"""More than any network that an image sensor or a small server runs here."""

MOST_NODES, MOST_FIELDS = 20_000, 500_000
"""A file with more takes long to read and is no such network either."""

STANDARD_DOMAINS = ("", "ai.onnx")
"""Operators of these are part of the ONNX standard; all others are somebody's own."""

_VARINT, _FIXED64, _FIXED32 = 0, 1, 5
_DEEPEST = 16  # graphs in attributes of nodes in graphs ...
_WIDEST = 32  # bits of a key; readers cut what is longer, each in its own way
_OWN_OPERATORS = ("model", 25)


def clean(data: bytes, name: str, *, foreign: bool = False) -> bytes:
    """Return an ONNX file that says the same and nothing else, and that reaches for nothing.

    Args:
        data: content of the file.
        name: of the file, for messages.
        foreign: let operators pass that are not of the standard; then it must not be run.

    Raises:
        InputError: it is not an ONNX model of standard operators that holds all its weights, or is
            too large; says what is wrong.
    """
    if len(data) > LARGEST_BYTES:
        raise InputError(
            f"{name}: {len(data):,} B are more than {LARGEST_BYTES:,} B; give a smaller model"
        )
    if data[4:8] == b"ORTM":
        raise InputError(f"{name}: is in onnxruntime's own format; give the ONNX file itself")
    _Walk(name).message("model", memoryview(data), 0)
    model = model_class()()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise InputError(f"{name}: is not an ONNX model, or is damaged") from None
    if not (model.HasField("ir_version") and model.graph.node):
        raise InputError(f"{name}: is not an ONNX model: it has no version or no operators")
    _check(model, name, foreign)
    cleaned: bytes = model.SerializeToString(deterministic=True)
    return cleaned


def _check(message: Any, name: str, foreign: bool) -> None:
    """Refuse what the parser saw and no runtime may see, here and in all that is inside."""
    kind = message.DESCRIPTOR.name
    if kind == "node" and message.domain not in STANDARD_DOMAINS and not foreign:
        raise InputError(
            f"{name}: operator '{_shown(message.op_type)}' is of domain"
            f" '{_shown(message.domain)}'; only standard ONNX operators run here, so export the"
            " model without it"
        )
    if kind == "tensor" and (message.external_data or message.data_location):
        raise InputError(
            f"{name}: tensor '{_shown(message.name)}' lies in another file; save the model with"
            " all its weights inside"
        )
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inside in value if field.is_repeated else (value,):
                _check(inside, name, foreign)


def _shown(text: str) -> str:
    return "".join(c for c in text[:80] if c.isprintable())


class _Walk:
    """Goes through the bytes of a model, before anything is made of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes = self.fields = 0

    def message(self, kind: str, data: memoryview, depth: int) -> None:
        """Look into a message of a kind, and into those inside."""
        if depth > _DEEPEST:
            raise self._error("graphs are nested too deeply; give a plain network")
        if kind == "node":
            self.nodes += 1
            if self.nodes > MOST_NODES:
                raise self._error(f"has more than {MOST_NODES:,} operators; give a smaller model")
        for number, wire, value in self._fields(data):
            field = self._known(kind, number, wire)
            if field.is_message:
                self.message(field.kind, value, depth + 1)
            elif field.kind == "text":
                self._check_text(field, value)

    def _known(self, kind: str, number: int, wire: int) -> Field:
        """Return a field of a message that is as it should be."""
        if (kind, number) == _OWN_OPERATORS:
            raise self._error("defines operators of its own (functions); inline them")
        field = MESSAGES[kind].get(number)
        if field is None:
            raise self._error(
                f"is not an ONNX model, or holds more than a network needs to run (field {number:,}"
                f" of a {kind}); export the model again, for inference"
            )
        if wire not in field.wires:
            what = "a message is a number" if field.is_message else f"{field.name} is no such value"
            raise self._error(f"is not an ONNX model: {what}")
        return field

    def _check_text(self, field: Field, value: memoryview) -> None:
        try:
            str(value, "utf-8")
        except UnicodeDecodeError:
            raise self._error(f"{field.name} is not UTF-8 text; export the model again") from None

    def _fields(self, data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
        """Yield (number, wire type, bytes) of each field; the bytes of a number are not needed."""
        at = 0
        while at < len(data):
            self.fields += 1
            if self.fields > MOST_FIELDS:
                raise self._error(f"has more than {MOST_FIELDS:,} parts; give a smaller model")
            key, at = self._varint(data, at)
            if not 0 < key >> 3 < 1 << _WIDEST - 3:
                raise self._error("is not an ONNX model, or is damaged")
            wire, length = key & 7, 0
            if wire == _VARINT:
                _, at = self._varint(data, at)
            elif wire == BYTES:
                length, at = self._varint(data, at)
            elif wire in (_FIXED32, _FIXED64):
                length = 4 if wire == _FIXED32 else 8
            else:  # a group, which no ONNX file has
                raise self._error("is not an ONNX model, or is damaged")
            if at + length > len(data):
                raise self._error("is not an ONNX model, or is cut short")
            yield key >> 3, wire, data[at : at + length]
            at += length

    def _varint(self, data: memoryview, at: int) -> tuple[int, int]:
        """Return a number and where the next value starts: seven bits a byte, lowest first.

        It must be as short as it can be, and fit into 64 bits.
        """
        value = 0
        for shift in range(0, 70, 7):
            if at >= len(data):
                raise self._error("is not an ONNX model, or is cut short")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if (byte == 0 and shift) or value.bit_length() > 64:
                    break
                return value, at
        raise self._error("is not an ONNX model, or is damaged")

    def _error(self, problem: str) -> InputError:
        return InputError(f"{self.name}: {problem}")
