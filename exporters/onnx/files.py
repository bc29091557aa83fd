"""What is written into ONNX files beside the network: our card, and what ultralytics' tools look for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.inference.model_card import ModelCard

_ULTRALYTICS_TASKS = ("detect", "segment", "pose", "obb", "classify")


def describe(model: Any, card: ModelCard) -> Any:
    """Put the card into an ``onnx.ModelProto``, in place of what stood there before, and return it."""
    from onnx.helper import set_model_props

    set_model_props(model, ultralytics_metadata(card) | card.to_metadata())
    return model


def save(model: Any, card: ModelCard, path: Path) -> Path:
    """Write a model with its card.

    Raises:
        OSError: when it cannot be written.
    """
    import onnx

    onnx.save(describe(model, card), path)
    return path


def ultralytics_metadata(card: ModelCard) -> dict[str, str]:
    """Return the entries by which ultralytics' own tools run a file (https://docs.ultralytics.com/modes/export/).

    Empty where they could not, as they feed float32 NCHW and read YOLO's outputs in pixels.
    """
    plain_input = card.input.dtype == "float32" and card.input.layout == "nchw"
    yolo = card.head.startswith("yolo_v8") or card.head in ("yolo_seg", "yolo_pose", "yolo_obb", "yolo_end2end")
    if not (plain_input and yolo and card.box_unit == "px" and card.task in _ULTRALYTICS_TASKS):
        return {}
    entries = {
        "task": card.task,
        "names": repr(dict(enumerate(card.names))),
        "stride": str(card.input.stride_px),
        "batch": str(card.input.batch),
        "imgsz": repr([card.input.height_px, card.input.width_px]),
        "end2end": repr(card.nms_inside),
    }
    if card.licence:
        entries["license"] = card.licence
    if card.keypoints is not None:
        entries["kpt_shape"] = repr([len(card.keypoints.names), 3])
    return entries
