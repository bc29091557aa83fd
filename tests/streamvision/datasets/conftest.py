"""Pictures out of records go to a cache of the test's own; a collection in which nothing is yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.datasets.collection import Collection, create_collection


@pytest.fixture(autouse=True)
def record_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "streamvision" / "records"


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return create_collection(tmp_path / "collected", ["stop", "no"])
