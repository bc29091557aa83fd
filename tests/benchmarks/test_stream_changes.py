"""A few of the cycles that benchmarks/stream_changes.py measures by the hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import stream_changes
from support.rtsp_server import RtspServer, unavailable
from support.tiny_detector import tiny_detector

CYCLES = 10


@pytest.mark.gstreamer
def test_streams_that_come_and_go_cost_the_one_that_stays_nothing(data_dir: Path, tmp_path: Path) -> None:
    if (reason := unavailable()) is not None:
        pytest.skip(reason)
    model = tiny_detector(tmp_path / "tiny.onnx")
    video = data_dir / "videos" / "car-detection.mp4"
    with RtspServer(video, fps=stream_changes.CAMERA_FPS, size=stream_changes.CAMERA_SIZE) as camera:
        # As a file, so that a busy machine loses no frame: what is missing then was lost by a change.
        config = stream_changes.config_of(model, camera.url, tmp_path, policy="file")
        figures = stream_changes.measured(config, camera.url, cycles=CYCLES, calm_s=1.0)
    control = figures["control"]
    assert (control["calm"]["missed"], control["changes"]["missed"], figures["failures"]) == (0, 0, [])
    assert control["changes"]["frames"] > CYCLES
    before, after = figures["samples"]
    assert (before["cycle"], after["cycle"]) == (0, CYCLES)
    assert after["threads"] <= before["threads"] + 2  # of the server, that end by themselves
