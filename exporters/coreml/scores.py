"""Checks of a finished pipeline for Vision: its parts fit together, and its scores are scores.

Files whose every object is reported with 100 % have been shipped for months elsewhere, since only the network before
the suppression was looked at. Here the saved package itself is read, and its own operations are executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.coreml.backend import CoreMlInterpreter, split_pipeline
from exporters.coreml.suppression import Suppression
from streamvision.core.errors import ModelError, ParityError

_FLOAT32 = 65568
"""Number of float32 among Core ML's ``ArrayFeatureType.ArrayDataType``; the suppression takes nothing narrower."""
_SUM_SLACK = 1e-3
_SATURATED = 0.995
_ENOUGH_BOXES = 5
"""So many boxes of real pictures do not all have a score next to 1 by chance: neighbours of the best box have less."""


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


def check_scores(package: CoreMlInterpreter, tensors: Iterable[NDArray[Any]]) -> None:
    """Execute a pipeline's network on pictures and check that what the suppression gets are probabilities.

    Saturation by itself shows only on pictures with objects; scores that were normalised show on any.

    Args:
        package: the saved pipeline.
        tensors: (1, H, W, 3) uint8, or what else its input takes.

    Raises:
        ParityError: as :func:`check_rows`, and when boxes on nothing score high, or all boxes above the threshold have
            a score next to 1.
        ModelError: when the package has no suppression.
    """
    nms = _suppression(package)
    best = np.concatenate([check_rows(package, tensor).max(axis=1) for tensor in tensors])
    # Most boxes of a detector are on nothing and score next to 0, on any picture.
    if float(np.median(best)) >= nms.confidence_threshold:
        raise ParityError(
            f"half of all boxes of {package} score above {float(np.median(best)):.2f}, on nothing as on objects; "
            "the confidences were normalised, or are not those of the classes"
        )
    shown = best[best >= nms.confidence_threshold]
    if len(shown) >= _ENOUGH_BOXES and float(shown.min()) >= _SATURATED:
        raise ParityError(
            f"all {len(shown)} boxes of {package} above the threshold score {float(shown.min()):.3f} or more; "
            "the confidences are saturated"
        )


def check_rows(package: CoreMlInterpreter, tensor: NDArray[Any]) -> NDArray[np.float32]:
    """Execute a pipeline's network on one picture, check the rows that the suppression gets, return the confidences.

    Any picture will do, noise too.

    Raises:
        ParityError: when confidences leave 0..1, a row's sum exceeds 1, or coordinates are no fractions of the input.
        ModelError: when the package has no suppression.
    """
    nms = _suppression(package)
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


def _suppression(package: CoreMlInterpreter) -> Suppression:
    if package.suppression is None:
        raise ModelError(f"{package} has no suppression inside, so there are no scores for Vision to check")
    return package.suppression
