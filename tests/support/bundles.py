"""Bundles of real models, and which networks there are to bundle beside them."""

from __future__ import annotations

from pathlib import Path

from exporters.bundle import make_bundle
from streamvision.core.config.model import ModelConfig
from streamvision.inference.model import Model

LAYOUTS = {
    "end2end_bytes": ("yolo_end2end", {"layout": "nhwc", "dtype": "uint8", "scale": 1.0, "resize": "stretch"}),
    "four_outputs": ("tflite_detection", {"layout": "nhwc", "resize": "stretch", "sampling": "pixel_corner"}),
    "vision": ("vision_objects", {"layout": "nhwc", "dtype": "uint8", "scale": 1.0}),
    "yolo_v5_bgr": ("yolo_v5", {"color": "bgr", "resize": "letterbox_top_left", "pad_value": 7}),
    "yolo_v8_mean": ("yolo_v8", {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}),
    "yolo_v8_odd": ("yolo_v8", {"width_px": 160, "height_px": 224}),
}
"""By name, a layout of outputs and what its card says about the input."""
_BYTES = {"layout": "nhwc", "dtype": "uint8", "scale": 1.0}
TASKS = {
    "classify_crop": (
        "classify",
        {"width_px": 112, "height_px": 96, "resize": "crop_center", "crop_short_side_px": 128},
    ),
    "classify_logits": ("classify_logits", {"width_px": 128, "resize": "crop_center", "mean": (0.5, 0.4, 0.3)}),
    "obb": ("yolo_obb", {}),
    "obb_stretch": ("yolo_obb", {"resize": "stretch"}),
    "obb_end2end": ("yolo_obb_end2end", {"resize": "letterbox_top_left"}),
    "pose": ("yolo_pose", {}),
    "pose_end2end": ("yolo_pose_end2end", {"values": 2, "dtype": "float16"}),
    "segment": ("yolo_seg", {}),
    "segment_stretch": ("yolo_seg", {"layout": "nhwc", "resize": "stretch"}),
    "segment_odd": ("yolo_seg", {"width_px": 160, "height_px": 224, "resize": "letterbox_top_left"}),
    "segment_end2end": ("yolo_seg_end2end", _BYTES),
    "semantic": ("semantic", {}),
    "semantic_last": ("semantic", {"layout": "nhwc", "resize": "stretch"}),
    "semantic_numbers": ("semantic", {"channels": 0}),
    "semantic_one": ("semantic", {"channels": 1, "resize": "letterbox_top_left"}),
}
"""By name, a head of another task, and what is special of its network and its input."""

ANSWERS = {
    "several": ("several", {"resize": "crop_center"}),
    "several_numbers": ("several", {"names": (), "resize": "stretch"}),
    "sentence": ("sentence", {}),
    "cuboid": ("cuboid", {"width_px": 64, "resize": "stretch"}),
    "image": ("image", {}),
    "image_larger": ("image", {"enlarged": 2, "layout": "nhwc", "resize": "letterbox_top_left"}),
    "image_bgr": ("image", {"color": "bgr", "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.25)}),
}
"""By name, a head that tells neither objects nor classes alone, and what is special of its network and its input."""


def bundled(model: Path, folder: Path) -> Path:
    """Make the bundle of a model that runs from its file alone, and return its folder."""
    with Model.open(ModelConfig(path=model)) as detector:
        return make_bundle(model, folder, backend=detector.backend, card=detector.card).folder
