"""The video and the model that the end-to-end tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def video(data_dir: Path) -> Path:
    return data_dir / "videos" / "car-detection.mp4"


@pytest.fixture
def model(data_dir: Path) -> Path:
    return data_dir / "models" / "yolox_nano.onnx"
