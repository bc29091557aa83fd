"""Cameras that are not there, in a whole run: who is waited for, and who ends."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pipelines.engine import Pipeline
from streamvision.core.config.app import AppConfig, parse_config
from support.capturing import write_video
from support.odd_rtsp_camera import OddRtspCamera
from support.tiny_detector import tiny_detector

LIVE = {"source": "synthetic:boxes?fps=15&size=320x240", "id": "live"}
ABSENT = {"source": "/dev/video93", "id": "absent"}


def config_of(model: Path, *streams: dict[str, Any], **more: Any) -> AppConfig:
    return parse_config({"model": {"path": model}, "streams": list(streams)} | more, origin="test")


def wait_for(pipeline: Pipeline, **states: str) -> None:
    deadline_s = time.monotonic() + 60
    while (found := {s.id: s.state for s in pipeline.statuses()}) != states:
        assert time.monotonic() < deadline_s, found
        time.sleep(0.05)


def test_a_camera_that_is_up_late_is_live_beside_the_others(tmp_path: Path) -> None:
    model = tiny_detector(tmp_path / "tiny.onnx")
    with OddRtspCamera(first_replies=("404 Not Found",) * 2) as camera:
        late = {"source": camera.url, "id": "late"}
        with Pipeline(config_of(model, LIVE, late, ABSENT)) as pipeline:
            wait_for(pipeline, live="live", late="live", absent="reconnecting")
            assert not pipeline.failures()


def test_with_a_page_a_single_camera_is_waited_for(tmp_path: Path) -> None:
    model = tiny_detector(tmp_path / "tiny.onnx")
    with Pipeline(config_of(model, ABSENT, serve={"port": 0})) as pipeline:
        wait_for(pipeline, absent="reconnecting")


def test_a_run_of_files_ends_though_a_camera_is_missing(tmp_path: Path) -> None:
    model = tiny_detector(tmp_path / "tiny.onnx")
    film = {"source": str(write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=12)), "id": "film"}
    with Pipeline(config_of(model, film, ABSENT)) as pipeline:
        assert pipeline.wait(200)
    film_status, absent = pipeline.statuses()
    assert film_status.frames_done == 12
    assert absent.state == "failed"
    assert [failure for failure in pipeline.failures() if "/dev/video93 is no camera of this machine" in failure]
