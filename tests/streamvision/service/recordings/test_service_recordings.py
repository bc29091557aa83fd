"""Recordings of a running service: what is set on the page, what the page is told, and what a fault looks like."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from support.recorded_segments import clip, files_below, indexed, record
from support.rtsp_server import RtspServer, unavailable
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
        record(served.service.writers.recordings)
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


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if (reason := unavailable()) is not None:
        pytest.skip(reason)
    film = tmp_path_factory.mktemp("film") / "film.mp4"
    film.write_bytes(clip(8, 10))
    with RtspServer(film, fps=10, size=(64, 48)) as server:
        yield server.url


@pytest.mark.gstreamer
def test_a_camera_is_recorded_switched_off_and_on_while_it_runs_and_seen_again(
    tmp_path: Path, config: Callable[..., Path], camera: str
) -> None:
    def found() -> list[dict[str, Any]]:
        return served.get(f"/api/recordings?{EVER}")["recordings"]

    def output() -> dict[str, Any]:
        return next(one for one in served.get("/api/streams/door")["outputs"] if one["name"] == "recording")

    with serving(str(tmp_path / "state"), tmp_path / "folder", config(min_free_gb=0, segment_s=2)) as served:
        served.add(id="door", source=camera)
        until(lambda: output()["state"] == "off", "nothing is recorded unasked")
        assert served.ask("PATCH", "/api/settings", {"recording": {"mode": "continuous"}})[0] == 200
        until(lambda: len(found()) >= 2, "files come")
        assert output()["state"] == "writing"
        first, then = found()[:2]
        assert (first["stream"], first["kind"], first["codec"], first["width_px"]) == ("door", "continuous", "h264", 64)
        assert (
            abs(then["start_unix_s"] - first["end_unix_s"]) < 1.5
        )  # of 2 s a file; the wall clock is read twice, and may be slewed
        now_s = time.time()
        span = f"stream=door&since={now_s - 1}&until={now_s}"  # is in the file that is being written
        _, film = until(lambda: _if_ok(served.request("GET", f"/api/recordings/export.mp4?{span}")), "the newest, too")
        with av.open(io.BytesIO(film)) as container:
            assert list(container.decode(video=0))
        assert served.ask("PATCH", "/api/streams/door", {"recording": {"mode": "off"}})[0] == 200
        until(lambda: output()["state"] == "off", "one camera alone is switched off")
    with serving(str(tmp_path / "state"), tmp_path / "folder", tmp_path / "cameras.yaml") as served:
        until(
            lambda: indexed(served.service.writers.recordings) == files_below(tmp_path / "folder/recordings"),
            "all is known",
        )
        assert (found()[0]["id"], found()[0]["start_unix_s"]) == (first["id"], first["start_unix_s"])


def _if_ok(answer: tuple[int, bytes]) -> tuple[int, bytes] | None:
    return answer if answer[0] == 200 else None


def test_what_is_wrong_with_the_disk_is_said_where_readiness_is_asked(
    tmp_path: Path, config: Callable[..., Path]
) -> None:
    with serving(str(tmp_path / "state"), tmp_path / "folder", config(min_free_gb=0)) as served:
        for _ in range(2):
            record(served.service.writers.recordings)
        assert not served.service.writers.recordings.full()
        status, body = served.request("GET", "/readyz")
        missing: list[Any] = json.loads(body)["missing"]
        assert status == 503
        assert any("is full, so the oldest recordings are removed before their time" in one for one in missing)
