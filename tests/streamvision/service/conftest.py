"""What tests of a service begin with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from support.serving import Served, serving, write_config
from support.tiny_detector import tiny_detector


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def config_file(tmp_path: Path, model: Path) -> Callable[..., Path]:
    """Write a configuration with these streams into the test's folder, and return its path."""

    def write(*streams: dict[str, Any], **more: Any) -> Path:
        return write_config(tmp_path / "cameras.yaml", model, *streams, **more)

    return write


@pytest.fixture
def start(tmp_path: Path, config_file: Callable[..., Path]) -> Callable[..., AbstractContextManager[Served]]:
    """Start a service: ``with start(place) as served: ...``, with these streams on its command line."""

    def run(place: str, *streams: dict[str, Any], file: Path | None = None) -> AbstractContextManager[Served]:
        return serving(place, tmp_path / "folder", file or config_file(), streams)

    return run
