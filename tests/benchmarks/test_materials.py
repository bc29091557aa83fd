"""The benchmarks' video must have real times: trackers and pacing live by them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import repeat
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from benchmarks import materials

FRAMES = 6


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _written(path: Path, times: Iterator[int | None]) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 64, 36, "yuv420p"
        for number in range(FRAMES):
            frame = VideoFrame.from_ndarray(np.full((36, 64, 3), 40 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = next(times), Fraction(1, 30)
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return path


def _times_s(path: Path) -> list[float | None]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def test_every_frame_has_its_time(tmp_path: Path) -> None:
    source = _written(tmp_path / "even.mp4", iter(range(FRAMES)))
    assert _times_s(materials.video_1080p(source)) == pytest.approx([n / 30 for n in range(FRAMES)], abs=1e-3)


def test_a_video_whose_times_make_no_sense_gets_sensible_ones(tmp_path: Path) -> None:
    source = _written(tmp_path / "standing.mp4", repeat(None))
    times_s = _times_s(materials.video_1080p(source))
    assert len(times_s) == FRAMES
    assert np.diff(np.array(times_s, float)).min() > 1 / materials.MAX_FPS
