"""What tests of artefacts have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamvision.artifacts.cache import Cache, open_cache
from support.artifact_stores import Publisher, folder_publisher, random_model

pytest.importorskip("minisign", reason="py-minisign is not installed: pip install 'streamvision-edge[fleet]'")


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return folder_publisher(tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with open_cache(tmp_path / "cache") as found:
        yield found


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return random_model(tmp_path / "models" / "signs.onnx")
