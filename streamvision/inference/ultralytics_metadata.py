"""Reads what ultralytics (and, with less in it, YOLOv5) writes into its exports.

ONNX carries it in ``metadata_props``, OpenVINO in a ``metadata.yaml`` beside the model, TFLite in a zip at the end of
the file; values are numbers and texts, or Python or JSON literals of lists and mappings. The keys are documented by
the exporter: https://docs.ultralytics.com/reference/engine/exporter/.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelLocation
from streamvision.inference.coco import COCO_KEYPOINTS, COCO_SIGMAS, COCO_SKELETON
from streamvision.inference.model_card import KeypointCard


@dataclass(frozen=True)
class UltralyticsMetadata:
    """What such a file says of itself."""

    task: str
    """``detect``, ``segment``, ``pose``, ...; YOLOv5 exports do not say it and only ever detect."""
    names: tuple[str, ...]
    """Class names by class id."""
    size_px: tuple[int, int] | None
    """(width, height) of the pictures that it was exported for."""
    stride_px: int
    """Coarsest stride of the network: sides of a free size are multiples of it."""
    selected: bool
    """Whether the outputs are boxes already selected: end-to-end models and exports with NMS inside."""
    end2end: bool
    """Whether the model itself is end-to-end."""
    layer: str | None
    """Class of the network's last layer, such as ``Detect``; older exports do not say it."""
    keypoints: KeypointCard | None
    """For ``pose``: the keypoints of an object."""
    licence: str | None
    """Licence of the weights, in the author's words."""
    description: str | None
    """What the model is, in the author's words."""


def parse_ultralytics(metadata: Mapping[str, str], *, path: ModelLocation) -> UltralyticsMetadata | None:
    """Return the metadata of an ultralytics or YOLOv5 export, or ``None`` where it is something else's.

    Raises:
        ModelError: when it is such metadata but cannot be understood.
    """
    if "names" not in metadata or "stride" not in metadata:
        return None
    try:
        names = _names(_value(metadata["names"]))
        size_px = _size_px(_value(metadata["imgsz"])) if "imgsz" in metadata else None
        stride_px = _stride_px(_value(metadata["stride"]))
        keypoints = _keypoints(metadata) if "kpt_shape" in metadata else None
        options = _value(metadata.get("args", "{}"))
        end2end = _value(metadata.get("end2end", "False")) is True
    except (TypeError, ValueError, OverflowError) as error:
        said = str(error)[:200]
        raise ModelError(f"the ultralytics metadata in {path} is damaged ({said}); export the model again") from error
    nms = options.get("nms") if isinstance(options, dict) else None
    return UltralyticsMetadata(
        task=metadata.get("task", "detect"),
        names=names,
        size_px=size_px,
        stride_px=stride_px,
        selected=end2end or nms is True,
        end2end=end2end,
        layer=metadata.get("head"),
        keypoints=keypoints,
        licence=metadata.get("license"),
        description=metadata["description"].strip() if "description" in metadata else None,
    )


MAX_CHARS = 1 << 20
"""Longest value that is read; the names of 10,000 classes take a fifth of it."""
MAX_KEYPOINTS = 10_000
MAX_SIDE_PX = 1 << 16


def _value(text: str) -> Any:
    """Return the JSON or Python literal in ``text``, or the text itself; of calls such as PosixPath('a') the argument.

    Raises:
        ValueError: when it is longer than any such value, or nested deeper than can be read.
    """
    if len(text) > MAX_CHARS:
        raise ValueError(f"a value of {len(text)} characters, of which {MAX_CHARS} are read")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("a value nested too deeply") from error
    except ValueError:
        pass
    try:
        return ast.literal_eval(_WithoutCalls().visit(ast.parse(text.strip(), mode="eval")))
    except (RecursionError, MemoryError) as error:
        raise ValueError("a value nested too deeply") from error
    except (ValueError, SyntaxError, TypeError):
        return text


class _WithoutCalls(ast.NodeTransformer):
    """Puts the first argument in the place of a call: exporters write paths as ``PosixPath('/data')``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return self.visit(node.args[0]) if node.args else ast.Constant(None)


def _names(value: Any) -> tuple[str, ...]:
    """Return names by class id; a mapping may leave ids out."""
    if isinstance(value, (list, tuple)):
        value = dict(enumerate(value))
    if not isinstance(value, dict) or not value:
        raise ValueError("names is neither a mapping nor a list")
    by_id = {int(class_id): str(name) for class_id, name in value.items()}
    if min(by_id) < 0 or max(by_id) > 100_000:
        raise ValueError("names has class ids outside 0..100000")
    return tuple(by_id.get(class_id, f"class {class_id}") for class_id in range(max(by_id) + 1))


def _size_px(value: Any) -> tuple[int, int]:
    """Return (width, height); ultralytics writes one side or [height, width]."""
    sides = [value, value] if isinstance(value, int) else list(value)
    if len(sides) != 2 or not all(isinstance(side, int) and 0 < side <= MAX_SIDE_PX for side in sides):
        raise ValueError(f"imgsz is {value!r}, not [height, width]")
    return sides[1], sides[0]


def _stride_px(value: Any) -> int:
    """Return the coarsest stride; old YOLOv5 exports list that of each scale."""
    strides = [float(stride) for stride in value] if isinstance(value, (list, tuple)) else [float(value)]
    if not strides or not all(1 <= stride <= 1024 for stride in strides):
        raise ValueError(f"stride is {value!r}, not a number of pixels")
    return max(int(max(strides)), 32)


def _keypoints(metadata: Mapping[str, str]) -> KeypointCard:
    """Return the keypoints: 17 without names are those of a person in COCO."""
    shape = _value(metadata["kpt_shape"])
    if not isinstance(shape, (list, tuple)) or len(shape) != 2 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ValueError(f"kpt_shape is {shape!r}, not [keypoints, values]")
    count = shape[0]
    if count > MAX_KEYPOINTS:
        raise ValueError(f"kpt_shape has {count} keypoints, of which {MAX_KEYPOINTS} are accepted")
    by_class = _value(metadata.get("kpt_names", "{}"))
    given = next(iter(by_class.values()), None) if isinstance(by_class, dict) else None
    names = tuple(str(name) for name in given) if isinstance(given, (list, tuple)) and len(given) == count else None
    if count == len(COCO_KEYPOINTS) and names in (None, COCO_KEYPOINTS):
        return KeypointCard(names=COCO_KEYPOINTS, skeleton=COCO_SKELETON, oks_sigma=COCO_SIGMAS)
    return KeypointCard(names=names or tuple(f"point {index}" for index in range(count)))
