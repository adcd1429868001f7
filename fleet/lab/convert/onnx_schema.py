"""What an ONNX file may hold: the messages of onnx.proto and their fields, for protobuf's parser.

Fields that no network needs to find things in pictures are left out on purpose, and so are refused:
training, operators of one's own, devices that share the work, values that are no tensors. The
numbers are those of github.com/onnx/onnx (onnx/onnx.proto); a test compares them.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "fleet.onnx"
_NUMBERS = {"double": 1, "float": 5, "int64": 0, "uint64": 0, "int32": 0}
"""Kinds of numbers, and the wire type in which each is written."""

_VARINT, BYTES = 0, 2


class Field(NamedTuple):
    """A field of a message.

    Attributes:
        name: of the field.
        kind: of number, "text" or "bytes", or the name of a message.
        sign: "*" of a list, "+" of a list that is packed, "|" of one of several, else nothing.
    """

    name: str
    kind: str
    sign: str

    @property
    def is_message(self) -> bool:
        """Return whether its value is a message."""
        return self.kind in MESSAGES

    @property
    def wires(self) -> tuple[int, ...]:
        """Return the wire types that it may have; a list of numbers may be packed."""
        wire = _NUMBERS.get(self.kind, BYTES)
        return (wire, BYTES) if self.sign in ("*", "+") else (wire,)


def _fields(text: str) -> dict[int, Field]:
    fields = {}
    for words in text.split(","):
        number, name, kind = words.split()
        plain = kind.rstrip("*+|")
        fields[int(number)] = Field(name, plain, kind[len(plain) :])
    return fields


MESSAGES = {
    message: _fields(text)
    for message, text in {
        "model": "1 ir_version int64, 2 producer_name text, 3 producer_version text, 4 domain text,"
        " 5 model_version int64, 6 doc_string text, 7 graph graph, 8 opset_import opset*,"
        " 14 metadata_props pair*",
        "opset": "1 domain text, 2 version int64",
        "pair": "1 key text, 2 value text",
        "graph": "1 node node*, 2 name text, 5 initializer tensor*, 10 doc_string text,"
        " 11 input port*, 12 output port*, 13 value_info port*,"
        " 14 quantization_annotation annotation*, 15 sparse_initializer sparse*,"
        " 16 metadata_props pair*",
        "node": "1 input text*, 2 output text*, 3 name text, 4 op_type text,"
        " 5 attribute attribute*, 6 doc_string text, 7 domain text, 8 overload text,"
        " 9 metadata_props pair*",
        "attribute": "1 name text, 2 f float, 3 i int64, 4 s bytes, 5 t tensor, 6 g graph,"
        " 7 floats float*, 8 ints int64*, 9 strings bytes*, 10 tensors tensor*, 11 graphs graph*,"
        " 13 doc_string text, 14 tp type, 15 type_protos type*, 20 type int32,"
        " 21 ref_attr_name text, 22 sparse_tensor sparse, 23 sparse_tensors sparse*",
        "tensor": "1 dims int64*, 2 data_type int32, 4 float_data float+, 5 int32_data int32+,"
        " 6 string_data bytes*, 7 int64_data int64+, 8 name text, 9 raw_data bytes,"
        " 10 double_data double+, 11 uint64_data uint64+, 12 doc_string text,"
        " 13 external_data pair*, 14 data_location int32, 16 metadata_props pair*",
        "sparse": "1 values tensor, 2 indices tensor, 3 dims int64*",
        "annotation": "1 tensor_name text, 2 quant_parameter_tensor_names pair*",
        "port": "1 name text, 2 type type, 3 doc_string text, 4 metadata_props pair*",
        "type": "1 tensor_type tensor_type|, 4 sequence_type sequence_type|, 6 denotation text,"
        " 9 optional_type optional_type|",
        "tensor_type": "1 elem_type int32, 2 shape shape",
        "sequence_type": "1 elem_type type",
        "optional_type": "1 elem_type type",
        "shape": "1 dim dim*",
        "dim": "1 dim_value int64|, 2 dim_param text|, 3 denotation text",
    }.items()
}
"""The fields of each message by their number."""


@functools.cache
def model_class() -> Any:
    """Return protobuf's class of models."""
    file = descriptor_pb2.FileDescriptorProto(name="fleet/onnx.proto", package=_PACKAGE)
    for message, fields in MESSAGES.items():
        made = file.message_type.add(name=message)
        for number, field in fields.items():
            made.field.add(**_described(number, field))
        if any(field.sign == "|" for field in fields.values()):
            made.oneof_decl.add(name="value")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.model"))


def _described(number: int, field: Field) -> dict[str, Any]:
    """Return a field as protobuf describes it."""
    kinds = descriptor_pb2.FieldDescriptorProto
    described: dict[str, Any] = {
        "name": field.name, "number": number,
        "label": kinds.LABEL_REPEATED if field.sign in ("*", "+") else kinds.LABEL_OPTIONAL,
    }  # fmt: skip
    if field.is_message:
        described |= {"type": kinds.TYPE_MESSAGE, "type_name": f".{_PACKAGE}.{field.kind}"}
    else:
        described["type"] = getattr(kinds, f"TYPE_{_PROTOBUF.get(field.kind, field.kind).upper()}")
    if field.sign == "+":
        described["options"] = descriptor_pb2.FieldOptions(packed=True)
    if field.sign == "|":
        described["oneof_index"] = 0
    return described


_PROTOBUF = {"text": "string"}
