"""Writes the few kinds of flatbuffer fields that model metadata is made of, by their place in the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.tflite.conversion import import_converter


class Enum(int):
    """A field of one byte: an enumeration, or the kind of a union."""


class Offset(int):
    """Where something lies that was written before; a field refers to it."""


class FlatWriter:
    """Writes tables from the leaves to the root, as flatbuffers want it.

    Raises:
        MissingDependencyError: when flatbuffers is not installed.
    """

    def __init__(self) -> None:
        self._builder: Any = import_converter("flatbuffers").Builder(1 << 10)

    def text(self, value: str) -> Offset:
        """Write a string."""
        return Offset(self._builder.CreateString(value))

    def numbers(self, values: NDArray[np.generic]) -> Offset:
        """Write a vector of numbers of the array's type."""
        return Offset(self._builder.CreateNumpyVector(values))

    def tables(self, offsets: Sequence[Offset]) -> Offset:
        """Write a vector of tables that were written before."""
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return Offset(self._builder.EndVector())

    def table(self, fields: Mapping[int, Offset | Enum]) -> Offset:
        """Write a table.

        Args:
            fields: by the field's place in the schema, counted from 0; a union takes two places.
        """
        self._builder.StartObject(max(fields, default=-1) + 1)
        for place, value in fields.items():
            if isinstance(value, Enum):
                self._builder.PrependUint8Slot(place, value, 0)
            else:
                self._builder.PrependUOffsetTRelativeSlot(place, value, 0)
        return Offset(self._builder.EndObject())

    def finish(self, root: Offset, identifier: bytes) -> bytes:
        """Return the whole buffer."""
        self._builder.Finish(root, identifier)
        return bytes(self._builder.Output())
