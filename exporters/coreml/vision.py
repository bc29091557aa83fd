"""The object detection pipeline that Apple's Vision framework understands: an ML Program, then NonMaximumSuppression.

Vision turns its outputs ``coordinates`` and ``confidence`` into ``VNRecognizedObjectObservation``. Two things about
scores decide its form; both have made other exporters' models report 100 % for every object:

- Vision takes the **sum** of a row of confidences for the probability that there is any object, demands that it does
  not exceed 1, and scales the labels' confidences to a sum of 1 (``NonMaximumSuppression.proto`` in
  https://github.com/apple/coremltools; https://github.com/apple/turicreate/issues/1314). YOLO's class scores are
  independent of each other, so only the best one of a row is handed on: ``observation.confidence`` is then the
  network's score. ``observation.labels[0].confidence`` is 1 by Vision's definition.
- In a pipeline behind an ML Program, Core ML reads rows of some lengths at wrong places
  (https://github.com/apple/coremltools/issues/2445). Rows of a multiple of 80 classes are known to be right
  (https://github.com/ultralytics/ultralytics/pull/22310), so they are filled up with classes of probability 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from exporters.converters import import_converter, quiet
from exporters.coreml.interpreter import CoreMlInterpreter, Suppression, split_pipeline
from exporters.graph.nms import IOU, outputs_of
from streamvision.core.errors import ModelError, ParityError
from streamvision.inference.heads.selected import CONFIDENCE, COORDINATES
from streamvision.inference.model_card import ModelCard

RAW_CONFIDENCE, RAW_COORDINATES = "raw_confidence", "raw_coordinates"
"""Outputs of the ML Program within the pipeline."""
CONFIDENCE_INPUT, IOU_INPUT = "confidenceThreshold", "iouThreshold"
"""Optional inputs of the pipeline, by the names that Apple's own models use."""
CONFIDENCE_THRESHOLD = 0.25
"""Lowest confidence that apps see unless they say otherwise; what the runtime shows by default."""
HEADS = ("yolo_v8", "yolo_end2end")
"""Layouts of boxes that can be turned into Vision's."""
_ROW_MULTIPLE = 80
_BOX = 4
_SCORE, _CLASS = 4, 5


class VisionRows(nn.Module):
    """A detector with the outputs that the suppression takes, for one picture.

    Outputs: (boxes, classes) confidence, filled up with zeros to a multiple of 80 classes, of each row only the best
    class; (boxes, 4) centre and size as fractions of the input.

    Args:
        network: from (1, 3, H, W) to the raw output of one of :data:`HEADS`, boxes in pixels of the input.
        card: of the network.
    """

    def __init__(self, network: nn.Module, card: ModelCard) -> None:
        super().__init__()
        self._network = network
        self._classes = len(card.names)
        self._columns = len(padded_names(card.names))
        self._selected = card.head == "yolo_end2end"
        sides = (card.input.width_px, card.input.height_px) * 2
        factors = [1.0] * _BOX if card.box_unit == "normalized" else [1 / side for side in sides]
        self._factors: Tensor
        self.register_buffer("_factors", torch.tensor(factors), persistent=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return confidence and coordinates."""
        raw = outputs_of(self._network(pictures))[0][0]
        if self._selected:
            low, high = raw[:, :2], raw[:, 2:_BOX]
            box, best, best_class = torch.cat([(low + high) / 2, high - low], dim=1), raw[:, _SCORE], raw[:, _CLASS]
        else:
            rows = raw.transpose(0, 1)
            box, scores = rows[:, :_BOX], rows[:, _BOX : _BOX + self._classes]
            best, best_class = scores.amax(dim=1), scores.argmax(dim=1).to(scores.dtype)
        hot = best_class[:, None] == torch.arange(self._columns, dtype=best.dtype)[None, :]
        return hot.to(best.dtype) * best[:, None], box * self._factors


def padded_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names followed by those of the classes that fill up a row and never occur."""
    columns = -(-len(names) // _ROW_MULTIPLE) * _ROW_MULTIPLE
    return (*names, *(f"(unused {index})" for index in range(len(names), columns)))


def vision_pipeline(program: Any, names: Sequence[str], *, weights: Path) -> Any:
    """Return coremltools' model of the pipeline, not yet saved.

    Args:
        program: coremltools' model whose outputs are those of :class:`VisionRows`, under the raw names.
        names: the classes, without those that fill up.
        weights: folder of the program's weight files.
    """
    ct = import_converter("coremltools")
    first = program.get_spec()
    second = _suppression(ct, first, padded_names(names))
    spec = ct.proto.Model_pb2.Model()
    spec.specificationVersion = first.specificationVersion
    spec.description.input.add().CopyFrom(first.description.input[0])
    for name, meaning in (
        (CONFIDENCE_INPUT, f"Lowest confidence of an object; {CONFIDENCE_THRESHOLD} where it is not given."),
        (IOU_INPUT, f"Overlap above which the weaker of two boxes goes; {IOU} where it is not given."),
    ):
        feature = spec.description.input.add(name=name, shortDescription=meaning)
        feature.type.doubleType.SetInParent()
        feature.type.isOptional = True
        second.description.input.add().CopyFrom(feature)
    spec.description.output.extend(second.description.output)
    spec.pipeline.models.extend([first, second])
    spec.pipeline.names.extend(["network", "suppression"])
    with quiet():
        return ct.models.MLModel(spec, weights_dir=str(weights), skip_model_load=True)


def _suppression(ct: Any, program: Any, names: Sequence[str]) -> Any:
    """Return the message of the NonMaximumSuppression model behind a program."""
    spec = ct.proto.Model_pb2.Model()
    spec.specificationVersion = program.specificationVersion
    by_name = {feature.name: feature for feature in program.description.output}
    for raw, name, columns, meaning in (
        (RAW_CONFIDENCE, CONFIDENCE, len(names), "How sure the network is of each class; one class a row."),
        (RAW_COORDINATES, COORDINATES, _BOX, "Centre x, centre y, width and height as fractions of the image."),
    ):
        given = by_name[raw]
        spec.description.input.add().CopyFrom(given)
        out = spec.description.output.add(name=name, shortDescription=meaning)
        out.type.multiArrayType.dataType = given.type.multiArrayType.dataType
        sizes = out.type.multiArrayType.shapeRange.sizeRanges
        sizes.add(lowerBound=0, upperBound=-1)
        sizes.add(lowerBound=columns, upperBound=columns)
    nms = spec.nonMaximumSuppression
    nms.confidenceInputFeatureName, nms.coordinatesInputFeatureName = RAW_CONFIDENCE, RAW_COORDINATES
    nms.confidenceOutputFeatureName, nms.coordinatesOutputFeatureName = CONFIDENCE, COORDINATES
    nms.confidenceThresholdInputFeatureName, nms.iouThresholdInputFeatureName = CONFIDENCE_INPUT, IOU_INPUT
    nms.confidenceThreshold, nms.iouThreshold = CONFIDENCE_THRESHOLD, IOU
    nms.pickTop.perClass = True
    nms.stringClassLabels.vector.extend(names)
    return spec


_FLOAT32 = 65568
"""Number of float32 among Core ML's ``ArrayFeatureType.ArrayDataType``; the suppression takes nothing narrower."""
_SUM_SLACK = 1e-3


def check_specification(spec: Any, names: Sequence[str], *, path: Path) -> None:
    """Check names, types and shapes of what the program hands to the suppression, and the class labels.

    Args:
        spec: Core ML's protobuf message of the pipeline.
        names: the classes, by class id.
        path: the package, for messages.

    Raises:
        ModelError: saying what does not fit.
    """
    program, second = split_pipeline(spec, path=path)
    if second is None:
        raise ModelError(f"{path} has no suppression behind its network; export it again with --nms")
    nms = Suppression.read(second)
    arrays = {f.name: f.type.multiArrayType for f in program.description.output}
    faults = []
    for name, columns in ((nms.confidence_input, len(nms.labels)), (nms.coordinates_input, 4)):
        if name not in arrays:
            faults.append(f"the suppression reads {name!r}, which the network does not give")
            continue
        shape = tuple(arrays[name].shape)
        if len(shape) != 2 or shape[1] != columns:
            faults.append(f"{name} has the shape {shape}, not (boxes, {columns})")
        if arrays[name].dataType != _FLOAT32:
            faults.append(f"{name} is not float32")
    if nms.labels[: len(names)] != tuple(names):
        faults.append("the labels are not the model's class names in their order")
    if not (0 < nms.confidence_threshold < 1 and 0 < nms.iou_threshold < 1):
        faults.append(f"the thresholds are {nms.confidence_threshold} and {nms.iou_threshold}, not between 0 and 1")
    outputs = {feature.name for feature in spec.description.output}
    if outputs != {nms.confidence_output, nms.coordinates_output}:
        faults.append(f"the pipeline gives {', '.join(sorted(outputs))} and not what the suppression does")
    if faults:
        raise ModelError(f"the pipeline in {path} does not fit together: {'; '.join(faults)}")


def check_rows(package: CoreMlInterpreter, tensor: NDArray[Any]) -> NDArray[np.float32]:
    """Execute a pipeline's network on one picture, check the rows that the suppression gets, return the confidences.

    Any picture will do, noise too.

    Raises:
        ParityError: when confidences leave 0..1, a row's sum exceeds 1, or coordinates are no fractions of the input.
        ModelError: when the package has no suppression.
    """
    nms = _suppression_of(package)
    found = package.before_suppression(tensor)
    confidence, coordinates = found[nms.confidence_input], found[nms.coordinates_input]
    if not np.isfinite(confidence).all() or confidence.min() < 0 or confidence.max() > 1 + _SUM_SLACK:
        raise ParityError(
            f"confidences of {package} run from {confidence.min():.3f} to {confidence.max():.3f}; they must be 0..1"
        )
    if (greatest := float(confidence.sum(axis=1).max())) > 1 + _SUM_SLACK:
        raise ParityError(
            f"the confidences of a box of {package} have the sum {greatest:.3f}, which Vision takes for the confidence "
            "of the object; it must not exceed 1"
        )
    if float(np.median(np.abs(coordinates))) > 1:
        raise ParityError(f"the coordinates of {package} are not fractions of the input")
    return confidence


def _suppression_of(package: CoreMlInterpreter) -> Suppression:
    if package.suppression is None:
        raise ModelError(f"{package} has no suppression inside, so there are no scores for Vision to check")
    return package.suppression
