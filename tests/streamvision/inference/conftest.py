from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.inference.backends.probe import ONNX_BYTES, TFLITE_BYTES


@pytest.fixture
def yolox(data_dir: Path) -> Path:
    return data_dir / "models" / "yolox_nano.onnx"


@pytest.fixture
def tflite(data_dir: Path) -> Path:
    return data_dir / "models" / "yolov8n_coco_dynamic_int8.tflite"


@pytest.fixture
def tiny_onnx(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(ONNX_BYTES)
    return path


@pytest.fixture
def tiny_tflite(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(TFLITE_BYTES)
    return path
