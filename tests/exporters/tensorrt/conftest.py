from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fake_tensorrt import FakeTensorRt, installed
from support.tiny_detector import tiny_detector

VERSIONS = ("10.3.0", "11.4.0.106")


@pytest.fixture(params=VERSIONS)
def tensorrt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorRt]:
    """TensorRT 10 and 11 on a device of the tests' own; memory that is not given back fails the test."""
    with installed(monkeypatch, request.param) as tensorrt:
        yield tensorrt


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_detector(tmp_path / "tiny.onnx")
