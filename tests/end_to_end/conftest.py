"""The video and the models that the end-to-end tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.tiny_detector import tiny_detector


@pytest.fixture
def video(data_dir: Path) -> Path:
    return data_dir / "videos" / "car-detection.mp4"


@pytest.fixture
def model(data_dir: Path) -> Path:
    return data_dir / "models" / "yolox_nano.onnx"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that costs next to nothing, for what does not depend on what is found."""
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")
