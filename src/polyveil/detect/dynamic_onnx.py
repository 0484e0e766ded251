# SPDX-License-Identifier: Apache-2.0
"""Frees an ONNX model from the input size that was written into it, in memory.

CenterFace declares 10 x 3 x 32 x 32 although its layers accept any multiple of 32, and lists its
weights as graph inputs too, which forbids ONNX Runtime to fold and fuse them. Both are mere
declarations. This reads just enough of the protobuf wire format to drop them, so that the core
needs no `onnx` package.

Source: https://protobuf.dev/programming-guides/encoding/ and onnx.proto (field numbers below).
"""

from __future__ import annotations

from collections.abc import Iterator

_MODEL_GRAPH = 7
_GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE_INFO = 5, 11, 12, 13
_TENSOR_NAME = 8
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR = 1
_TENSOR_SHAPE = 2
_SHAPE_DIM = 1
_DIM_VALUE, _DIM_PARAM = 1, 2
_BYTES = 2


def freed(model: bytes) -> bytes:
    """The same model with symbolic batch, height and width, and weights that are constants.

    Dimension 1 (channels) of every input and output stays as declared. Intermediate shape
    annotations are dropped, ONNX Runtime infers them.

    Raises:
      ValueError: the bytes are not a protobuf message.
    """
    return b"".join(
        _field(number, _graph(value)) if number == _MODEL_GRAPH else raw
        for number, value, raw in _fields(model)
    )


def _graph(graph: bytes) -> bytes:
    weights = {
        _text(value, _TENSOR_NAME)
        for number, value, _ in _fields(graph)
        if number == _GRAPH_INITIALIZER
    }
    parts = []
    for number, value, raw in _fields(graph):
        if number == _GRAPH_VALUE_INFO:
            continue
        if number == _GRAPH_INPUT and _text(value, _VALUE_NAME) in weights:
            continue
        if number in (_GRAPH_INPUT, _GRAPH_OUTPUT):
            raw = _field(number, _value(value, "in" if number == _GRAPH_INPUT else "out"))
        parts.append(raw)
    return b"".join(parts)


def _value(value: bytes, prefix: str) -> bytes:
    """A ValueInfoProto whose tensor's shape is symbolic but for the channels."""

    def descend(message: bytes, path: tuple[int, ...]) -> bytes:
        if not path:
            return _shape(message, prefix)
        return b"".join(
            _field(number, descend(inner, path[1:])) if number == path[0] else raw
            for number, inner, raw in _fields(message)
        )

    return descend(value, (_VALUE_TYPE, _TYPE_TENSOR, _TENSOR_SHAPE))


def _shape(shape: bytes, prefix: str) -> bytes:
    dims = [value for number, value, _ in _fields(shape) if number == _SHAPE_DIM]
    return b"".join(
        _field(_SHAPE_DIM, dim if axis == 1 else _field(_DIM_PARAM, f"{prefix}{axis}".encode()))
        for axis, dim in enumerate(dims)
    )


def _text(message: bytes, field: int) -> bytes:
    return next((value for number, value, _ in _fields(message) if number == field), b"")


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field on the wire."""
    return _varint(number << 3 | _BYTES) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError(f"expected a protobuf message, got a broken number at byte {at}.")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(field number, payload, whole field as it stood) of each field, in order."""
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        begin = at
        if key & 7 == 0:
            _, at = _read_varint(message, at)
        elif key & 7 in (1, 5):
            at += 8 if key & 7 == 1 else 4
        elif key & 7 == _BYTES:
            length, begin = _read_varint(message, at)
            at = begin + length
        else:
            raise ValueError(
                f"expected a protobuf message, got wire type {key & 7} at byte {start}."
            )
        if at > len(message):
            raise ValueError(
                f"expected a protobuf message, got one cut off at byte {len(message)}."
            )
        yield key >> 3, message[begin:at], message[start:at]
