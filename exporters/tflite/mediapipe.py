"""The metadata by which MediaPipe's ObjectDetector finds its way in a TFLite detector.

The places of the fields are those of the public schema, version M001:
https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/tasks/metadata/metadata_schema.fbs. What the detector
demands: https://ai.google.dev/edge/mediapipe/solutions/vision/object_detector#models. A wrong index of coordinates or a
wrong deviation is no error to it, it just finds nonsense.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.converters import import_converter
from streamvision.inference.model_card import ModelCard


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


BUFFER = "TFLITE_METADATA"
"""Name of the buffer in the model."""
LABELS_FILE = "labels.txt"
"""Name of the file with the class names in the zip at the end."""
_IDENTIFIER = b"M001"
_PARSER_VERSION = "1.0.0"

# Kinds of unions and values of enumerations.
_FEATURE, _IMAGE, _BOUNDING_BOX = Enum(1), Enum(2), Enum(3)
_NORMALIZATION = Enum(1)
_RGB = Enum(1)
_BOUNDARIES, _RATIO = Enum(1), Enum(0)
_VALUE_LABELS = Enum(3)

# Places of the fields in their tables.
_MODEL_NAME, _MODEL_DESCRIPTION, _MODEL_GRAPHS, _MODEL_LICENSE, _MODEL_PARSER = 0, 1, 3, 5, 7
_GRAPH_INPUTS, _GRAPH_OUTPUTS = 2, 3
_TENSOR_NAME, _TENSOR_DESCRIPTION, _TENSOR_CONTENT, _TENSOR_UNITS, _TENSOR_FILES = 0, 1, 3, 4, 6
_FILE_NAME, _FILE_DESCRIPTION, _FILE_TYPE = 0, 1, 2

_TOP_FIRST = np.array([1, 0, 3, 2], np.uint32)
"""Where left, top, right and bottom stand in a location."""


def object_detector_metadata(card: ModelCard) -> bytes:
    """Return the metadata of a detector with the outputs of :class:`exporters.graph.nms.FourOutputs`.

    Args:
        card: of the detector; its names are expected in :data:`LABELS_FILE`.

    Raises:
        MissingDependencyError: when flatbuffers is not installed.
    """
    to = FlatWriter()
    labels = to.table(
        {
            _FILE_NAME: to.text(LABELS_FILE),
            _FILE_DESCRIPTION: to.text("Names of the classes, one a line."),
            _FILE_TYPE: _VALUE_LABELS,
        }
    )
    box = to.table({0: to.numbers(_TOP_FIRST), 1: _BOUNDARIES, 2: _RATIO})
    outputs = [
        _tensor(to, "location", "Top, left, bottom and right, as fractions of the picture.", _BOUNDING_BOX, box),
        _tensor(to, "category", "Class of each box.", _FEATURE, to.table({}), files=[labels]),
        _tensor(to, "score", "Score of each box, 0 where there is none.", _FEATURE, to.table({})),
        _tensor(to, "number of detections", "How many boxes there are.", _FEATURE, to.table({})),
    ]
    graph = to.table({_GRAPH_INPUTS: to.tables([_input(to, card)]), _GRAPH_OUTPUTS: to.tables(outputs)})
    fields: dict[int, Offset | Enum] = {
        _MODEL_NAME: to.text("ObjectDetector"),
        _MODEL_DESCRIPTION: to.text(card.source or "Finds objects."),
        _MODEL_GRAPHS: to.tables([graph]),
        _MODEL_PARSER: to.text(_PARSER_VERSION),
    }
    if card.licence is not None:
        fields[_MODEL_LICENSE] = to.text(card.licence)
    return to.finish(to.table(fields), _IDENTIFIER)


def labels_file(card: ModelCard) -> dict[str, bytes]:
    """Return the class names as a file for :func:`exporters.tflite.conversion.with_files`."""
    return {LABELS_FILE: "".join(f"{name}\n" for name in card.names).encode()}


def _input(to: FlatWriter, card: ModelCard) -> Offset:
    """Write the picture: MediaPipe subtracts the mean from levels of 0..255 and divides by the deviation."""
    units: list[Offset] = []
    if card.input.dtype != "uint8":
        mean, deviation = card.input.mean or (0.0,) * 3, card.input.std or (1.0,) * 3
        levels = (np.array([mean, deviation]) * (1 / card.input.scale)).astype(np.float32)
        options = to.table({0: to.numbers(levels[0]), 1: to.numbers(levels[1])})
        units.append(to.table({0: _NORMALIZATION, 1: options}))
    picture = to.table({0: _RGB})
    return _tensor(to, "image", "The picture, stretched to the input's size.", _IMAGE, picture, units=units)


def _tensor(
    to: FlatWriter,
    name: str,
    description: str,
    kind: Enum,
    content: Offset,
    *,
    units: list[Offset] | None = None,
    files: list[Offset] | None = None,
) -> Offset:
    fields: dict[int, Offset | Enum] = {
        _TENSOR_NAME: to.text(name),
        _TENSOR_DESCRIPTION: to.text(description),
        _TENSOR_CONTENT: to.table({0: kind, 1: content}),
    }
    if units:
        fields[_TENSOR_UNITS] = to.tables(units)
    if files:
        fields[_TENSOR_FILES] = to.tables(files)
    return to.table(fields)
