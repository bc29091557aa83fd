"""Two short turns of what benchmarks/recording_cost.py measures."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from benchmarks import recording_cost
from support.rtsp_server import RtspServer, unavailable


@pytest.mark.gstreamer
def test_a_camera_is_recorded_in_every_second_turn(tmp_path: Path) -> None:
    if (reason := unavailable()) is not None:
        pytest.skip(reason)
    clip = recording_cost.make_clip(tmp_path / "clip.mp4", seconds=4, size="320x180")
    with RtspServer(clip, copied=True) as camera:
        turns = recording_cost.measured(camera.url, tmp_path, turns=2, turn_s=3.0)
    assert [turn.recorded for turn in turns] == [False, True]
    assert all(turn.frames > 0 and turn.cpu_percent > 0 for turn in turns)
    figures = recording_cost.figures_of(turns)
    assert figures["cost_percent"] == pytest.approx(turns[1].cpu_percent - turns[0].cpu_percent, abs=0.01)
    (file,) = tmp_path.glob("camera-*.mp4")
    with av.open(str(file)) as container:
        assert sum(1 for packet in container.demux(video=0) if packet.size) > 20
