"""``tf.train.Example`` without TensorFlow: named lists of bytes, floats or integers as a protobuf message.

The message is described here as in tensorflow/core/example/feature.proto; protobuf itself does the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from streamvision.core.errors import MissingDependencyError

Values = Sequence[bytes] | Sequence[float] | Sequence[int]

_LISTS = {"bytes_list": "BytesList", "float_list": "FloatList", "int64_list": "Int64List"}


class DamagedExampleError(ValueError):
    """Bytes are no ``tf.train.Example``."""


def encode_example(features: Mapping[str, Values]) -> bytes:
    """Return a message; the type of each list is that of its first element, an empty one is a list of floats."""
    message = _example_class()()
    for key, values in features.items():
        kind = "bytes_list" if values and isinstance(values[0], bytes) else "float_list"
        kind = "int64_list" if values and isinstance(values[0], int) else kind
        getattr(message.features.feature[key], kind).value.extend(values)
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def decode_example(data: bytes) -> dict[str, list[Any]]:
    """Return the lists of a message by name.

    Raises:
        DamagedExampleError: when the bytes are no such message.
    """
    from google.protobuf.message import DecodeError

    message = _example_class()()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise DamagedExampleError(str(error)) from None
    features = message.features.feature
    found = {key: (feature, feature.WhichOneof("kind")) for key, feature in features.items()}
    return {key: list(getattr(feature, kind).value) if kind else [] for key, (feature, kind) in found.items()}


@functools.cache
def _example_class() -> Any:
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise MissingDependencyError(
            "TFRecord needs protobuf, which is not installed; install it with pip install '.[eval]'"
        ) from error
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="streamvision/example.proto", package="streamvision", syntax="proto3"
    )
    types = {"BytesList": field.TYPE_BYTES, "FloatList": field.TYPE_FLOAT, "Int64List": field.TYPE_INT64}
    for name, kind in types.items():
        file.message_type.add(name=name).field.add(name="value", number=1, label=field.LABEL_REPEATED, type=kind)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(_LISTS.items(), 1):
        _add_message(feature, name, number, f".streamvision.{kind}").oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING)
    _add_message(entry, "value", 2, ".streamvision.Feature")
    _add_message(features, "feature", 1, ".streamvision.Features.FeatureEntry").label = field.LABEL_REPEATED
    _add_message(file.message_type.add(name="Example"), "features", 1, ".streamvision.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("streamvision.Example"))


def _add_message(parent: Any, name: str, number: int, kind: str) -> Any:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    return parent.field.add(
        name=name, number=number, label=Field.LABEL_OPTIONAL, type=Field.TYPE_MESSAGE, type_name=kind
    )
