"""Fixtures of the tests of ``bench formats``."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test measures must not be what ``doctor`` tells its user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
