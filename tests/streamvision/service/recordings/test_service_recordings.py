"""Recordings of a running service: what is set on the page, what the page is told, and what a fault looks like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.recorded_segments import record
from support.serving import serving, until, write_config
from support.tiny_detector import tiny_detector

EVER = "since=0&until=9000000000"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_detector(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def config(tmp_path: Path, model: Path) -> Callable[..., Path]:
    return lambda **recording: write_config(tmp_path / "cameras.yaml", model, recording=recording)


def test_how_much_is_kept_is_set_while_it_runs_and_holds_at_once(
    database_place: str, tmp_path: Path, config: Callable[..., Path]
) -> None:
    folder = tmp_path / "folder"
    with serving(database_place, folder, config(folder=str(tmp_path / "films"))) as served:
        assert served.get("/api/settings")["recording"]["gb"] == 20
        record(served.service.recordings)
        until(lambda: served.get(f"/api/recordings?{EVER}")["recordings"], "the file is in the index")
        assert served.get("/api/recordings/summary")["bounds"]["gb"] == 20
        status, shown = served.ask("PATCH", "/api/settings", {"recording": {"gb": 5, "continuous": {"days": 1}}})
        assert status == 200 and shown["recording"]["gb"] == 5
        bounds = served.get("/api/recordings/summary")["bounds"]
        assert (bounds["gb"], bounds["continuous"]["days"], bounds["events"]["days"]) == (5, 1, 14)
        assert served.ask("PATCH", "/api/settings", {"recording": shown["recording"]})[0] == 200  # as it was shown
        status, answer = served.ask("PATCH", "/api/settings", {"recording": {"folder": "/etc"}})
        assert status == 400 and "recording.folder is taken from the configuration file alone" in answer["error"]
        (first,) = served.get(f"/api/recordings?{EVER}")["recordings"]
    assert list((tmp_path / "films/door").rglob("*.mp4"))
    with serving(database_place, folder, tmp_path / "cameras.yaml") as served:
        assert served.get("/api/recordings/summary")["bounds"]["gb"] == 5
        assert served.get(f"/api/recordings?{EVER}")["recordings"] == [first]


def test_what_is_wrong_with_the_disk_is_said_where_readiness_is_asked(
    tmp_path: Path, config: Callable[..., Path]
) -> None:
    with serving(str(tmp_path / "state"), tmp_path / "folder", config(min_free_gb=0)) as served:
        for _ in range(2):
            record(served.service.recordings)
        assert not served.service.recordings.full()
        status, body = served.request("GET", "/readyz")
        missing: list[Any] = json.loads(body)["missing"]
        assert status == 503
        assert any("is full, so the oldest recordings are removed before their time" in one for one in missing)
