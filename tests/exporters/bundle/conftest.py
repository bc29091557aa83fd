"""Bundles of real models and of every layout, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.bundle import make_bundle
from support.bundles import bundled
from support.constant_network import constant_network

LAYOUTS = {
    "end2end_bytes": ("yolo_end2end", {"layout": "nhwc", "dtype": "uint8", "scale": 1.0, "resize": "stretch"}),
    "four_outputs": ("tflite_detection", {"layout": "nhwc", "resize": "stretch", "sampling": "pixel_corner"}),
    "vision": ("vision_objects", {"layout": "nhwc", "dtype": "uint8", "scale": 1.0}),
    "yolo_v5_bgr": ("yolo_v5", {"color": "bgr", "resize": "letterbox_top_left", "pad_value": 7}),
    "yolo_v8_mean": ("yolo_v8", {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}),
    "yolo_v8_odd": ("yolo_v8", {"width_px": 160, "height_px": 224}),
}
"""By name, a layout of outputs and what its card says about the input."""


@pytest.fixture(scope="session")
def road_signs(project_root: Path) -> Path:
    return project_root / "streamvision" / "models" / "road_signs.onnx"


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory, road_signs: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of bundles: one of each layout, the shipped model, and real models where they are."""
    folder = tmp_path_factory.mktemp("bundles")
    bundled(road_signs, folder / "road_signs")
    artefact = folder / "constant.bin"
    artefact.write_bytes(b"a network that always answers the same")
    for name, (layout, input_card) in LAYOUTS.items():
        backend, card = constant_network(layout, **input_card)
        make_bundle(artefact, folder / name, backend=backend, card=card)
    try:
        data_dir: Path = request.getfixturevalue("data_dir")
    except pytest.skip.Exception:
        return folder
    bundled(data_dir / "models" / "yolov8n_coco_dynamic_int8.tflite", folder / "yolov8n_tflite")
    bundled(data_dir / "models" / "yolox_nano.onnx", folder / "yolox")
    return folder
