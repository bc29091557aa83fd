"""What the tests of training share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from streamvision.core.errors import MissingDependencyError


@pytest.fixture(scope="module", autouse=True)
def threads_stay() -> Iterator[None]:
    """Give torch its threads back: recipes of tests take one, since more gain nothing on pictures so small."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    yield
    if torch:
        torch.set_num_threads(before)


@pytest.fixture
def without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train as where ONNX files cannot be made: for tests that look at none, since making one takes seconds."""

    def refuse() -> None:
        raise MissingDependencyError("making ONNX files needs onnx: pip install onnx")

    monkeypatch.setattr("streamvision.training.onnx_export.require_onnx", refuse)
