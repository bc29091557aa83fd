"""TFRecord files and the ``tf.train.Example`` messages in them, without TensorFlow.

A record is its length, that length's masked CRC-32C, the data, and the data's masked CRC-32C
(https://www.tensorflow.org/tutorials/load_data/tfrecord). The ``tfrecord`` package writes the checksums but never
compares them, so that a damaged file yields damaged boxes; here they are compared, by google-crc32c.

An example is named lists of bytes, floats or integers. Its message is described here as in
tensorflow/core/example/feature.proto; protobuf does the rest.
"""

from __future__ import annotations

import functools
import gzip
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from streamvision.core.errors import MissingDependencyError
from streamvision.core.install import install_command

MAX_RECORD_BYTES = 1 << 28
"""Longest record that is read; a damaged length would ask for all memory otherwise."""

_MAX_UNFOLDING = 100
"""How many times its size compressed data may unfold to. Pictures hardly shrink at all."""
_SMALL_BYTES = 1 << 26
"""What any compressed file may unfold to."""

MISSING = "TFRecord needs {}, which is not installed; install it with " + install_command("eval")
_GZIP_MAGIC = b"\x1f\x8b"
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")


Values = Sequence[bytes] | Sequence[float] | Sequence[int]

_LISTS = {"bytes_list": "BytesList", "float_list": "FloatList", "int64_list": "Int64List"}


class DamagedRecordError(ValueError):
    """A file is not in this form, or was damaged or cut short; the message is a clause that goes on from its name."""


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a file, plain or gzip.

    Raises:
        DamagedRecordError: at the first record that is damaged or cut short.
    """
    try:
        most = max(_SMALL_BYTES, _MAX_UNFOLDING * path.stat().st_size)
        with _opened(path) as file:
            index = 0
            while header := file.read(_HEADER.size):
                yield _read_record(file, header, index)
                index += 1
                if file.tell() > most:
                    raise DamagedRecordError(f"unfolds to more than {_MAX_UNFOLDING} times its size")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedRecordError(f"is damaged gzip data ({error})") from None


def write_records(path: Path, records: Iterable[bytes]) -> None:
    """Write records to a file."""
    with path.open("wb") as file:
        for data in records:
            length = struct.pack("<Q", len(data))
            file.write(length + _FOOTER.pack(masked_crc32c(length)) + data + _FOOTER.pack(masked_crc32c(data)))


def is_record_file(path: Path) -> bool:
    """Whether a file begins with a record whose length bears a right checksum; an empty file does not."""
    if not path.is_file():  # a pipe would keep the caller waiting
        return False
    try:
        with _opened(path) as file:
            header = file.read(_HEADER.size)
    except (OSError, EOFError, zlib.error):
        return False
    return len(header) == _HEADER.size and masked_crc32c(header[:8]) == _HEADER.unpack(header)[1]


def _opened(path: Path) -> BinaryIO:
    """Open a file of records to read its plain bytes, whether they are compressed or not."""
    with path.open("rb") as probe:
        zipped = probe.read(2) == _GZIP_MAGIC
    return cast("BinaryIO", gzip.open(path, "rb")) if zipped else path.open("rb")


def masked_crc32c(data: bytes) -> int:
    """Return the CRC-32C of data, rotated and shifted as TFRecord files hold it.

    Raises:
        MissingDependencyError: when google-crc32c is not installed.
    """
    crc = _crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _crc32c(data: bytes) -> int:
    try:
        import google_crc32c
    except ImportError as error:
        raise MissingDependencyError(MISSING.format("google-crc32c")) from error
    crc: int = google_crc32c.value(data)
    return crc


def _read_record(file: BinaryIO, header: bytes, index: int) -> bytes:
    if len(header) < _HEADER.size:
        raise DamagedRecordError(f"is cut short in the length of record {index}")
    length, length_crc = _HEADER.unpack(header)
    if masked_crc32c(header[:8]) != length_crc or length > MAX_RECORD_BYTES:
        raise DamagedRecordError(f"has a wrong checksum over the length of record {index}")
    data = file.read(length)
    footer = file.read(_FOOTER.size)
    if len(data) < length or len(footer) < _FOOTER.size:
        raise DamagedRecordError(f"is cut short in record {index}")
    if masked_crc32c(data) != _FOOTER.unpack(footer)[0]:
        raise DamagedRecordError(f"has a wrong checksum over record {index}")
    return data


class DamagedExampleError(ValueError):
    """Bytes are not a ``tf.train.Example``."""


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
        DamagedExampleError: when the bytes are not such a message.
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
        raise MissingDependencyError(MISSING.format("protobuf")) from error
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
