"""TFRecord files: length, masked CRC-32C, data, masked CRC-32C (https://www.tensorflow.org/tutorials/load_data/tfrecord).

Our own, in place of the ``tfrecord`` package: that one writes the checksums and never looks at them, so that a
damaged file yields damaged boxes. CRC-32C (polynomial of RFC 3720, appendix B.4) is computed in NumPy by lanes, since
a loop over the bytes of a data set's pictures in Python takes minutes.
"""

from __future__ import annotations

import functools
import gzip
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

MAX_RECORD_BYTES = 1 << 30
"""Longest record that is believed; a damaged length would ask for all memory otherwise."""

_POLYNOMIAL = 0x82F63B78
_LANE_BYTES = 256
_GZIP_MAGIC = b"\x1f\x8b"
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")


class DamagedRecordError(ValueError):
    """A file is not in this form, or was damaged or cut short; the message is a clause that goes on from its name."""


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a file, plain or gzip.

    Raises:
        DamagedRecordError: at the first record that is damaged or cut short.
    """
    with path.open("rb") as probe:
        zipped = probe.read(2) == _GZIP_MAGIC
    try:
        with cast("BinaryIO", gzip.open(path, "rb")) if zipped else path.open("rb") as file:
            index = 0
            while header := file.read(_HEADER.size):
                yield _read_record(file, header, index)
                index += 1
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DamagedRecordError(f"is damaged gzip data ({error})") from None


def write_records(path: Path, records: Iterable[bytes]) -> None:
    """Write records to a file."""
    with path.open("wb") as file:
        for data in records:
            length = struct.pack("<Q", len(data))
            file.write(length + _FOOTER.pack(masked_crc32c(length)) + data + _FOOTER.pack(masked_crc32c(data)))


def is_record_file(path: Path) -> bool:
    """Whether a file begins with a record whose length bears a right checksum; an empty file is none."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP_MAGIC
        with cast("BinaryIO", gzip.open(path, "rb")) if zipped else path.open("rb") as file:
            header = file.read(_HEADER.size)
    except (OSError, EOFError, zlib.error):
        return False
    return len(header) == _HEADER.size and masked_crc32c(header[:8]) == _HEADER.unpack(header)[1]


def masked_crc32c(data: bytes) -> int:
    """Return the CRC-32C of data, rotated and shifted as TFRecord files hold it."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of data."""
    lanes = len(data) // _LANE_BYTES
    crc = 0xFFFFFFFF
    if lanes:
        body = np.frombuffer(data, np.uint8, lanes * _LANE_BYTES).reshape(lanes, _LANE_BYTES)
        shift = _lane_shift()
        for lane in _crc_of_lanes(body).tolist():
            crc = (
                lane ^ shift[0][crc & 255] ^ shift[1][crc >> 8 & 255] ^ shift[2][crc >> 16 & 255] ^ shift[3][crc >> 24]
            )
    table = _byte_table().tolist()
    for byte in data[lanes * _LANE_BYTES :]:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


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


def _crc_of_lanes(lanes: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return (N,) the CRC state after each row of (N, bytes), from state 0, all rows at once."""
    table = _byte_table()
    crc = np.zeros(len(lanes), np.uint32)
    for column in lanes.T:
        crc = table[(crc ^ column) & 255] ^ (crc >> 8)
    return crc


@functools.cache
def _byte_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


@functools.cache
def _lane_shift() -> list[list[int]]:
    """Return how a lane of zero bytes changes the state: a table for each of the state's four bytes.

    The CRC is linear, so the state after a lane is that of the lane alone xor that of the state before, shifted.
    """
    states = np.concatenate([np.arange(256, dtype=np.uint32) << np.uint32(8 * byte) for byte in range(4)])
    table = _byte_table()
    for _ in range(_LANE_BYTES):
        states = table[states & 255] ^ (states >> 8)
    return states.reshape(4, 256).tolist()
