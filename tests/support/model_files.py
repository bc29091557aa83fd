"""Variants of real model files, made without the libraries that export them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path


def with_onnx_metadata(source: Path, target: Path, metadata: Mapping[str, str]) -> Path:
    """Write ``source`` with entries added to its ``metadata_props``.

    Protobuf messages may be joined end to end, and ``metadata_props`` is field 14 of ModelProto.
    """
    entries = b""
    for key, value in metadata.items():
        entry = _field(1, key.encode()) + _field(2, value.encode())
        entries += _field(14, entry)
    target.write_bytes(source.read_bytes() + entries)
    return target


def with_tflite_metadata(source: Path, target: Path, metadata: Mapping[str, object]) -> Path:
    """Write ``source`` with a zip behind it, as ultralytics does."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as entries:
        entries.writestr("metadata.json", json.dumps(metadata))
    target.write_bytes(source.read_bytes() + archive.getvalue())
    return target


def truncated(source: Path, target: Path, share: float) -> Path:
    """Write only the first part of ``source``."""
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def _field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
