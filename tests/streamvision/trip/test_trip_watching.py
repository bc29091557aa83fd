"""A folder that grows: when drives are over and get their videos, and what comes beside clips that are known."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.config.tracker import TrackerConfig
from streamvision.trip.arrivals import QUIET_S, Arrivals
from streamvision.trip.run import Trip
from streamvision.trip.settings import TRACKER_MEMORY_S, TripSettings
from streamvision.trip.summaries import TripReport
from support.fixed_networks import bright_cell_detector

CLIP_S = 2
OVER_S = 60 + CLIP_S + QUIET_S
"""So long after the last clip nothing more of its drive comes."""


@dataclass
class Watched:
    """A folder that is watched, and its clock."""

    folder: Path
    settings: TripSettings
    now_s: float = 0.0
    arrivals: Arrivals = field(init=False)
    trip: Trip = field(init=False)

    def __post_init__(self) -> None:
        self.arrivals = Arrivals(clock=lambda: self.now_s)
        self.trip = Trip(self.settings, is_stopped=lambda: False, on_progress=lambda *_: None, clock=lambda: self.now_s)

    def after(self, seconds: float) -> TripReport | None:
        """Look into the folder so many seconds later."""
        self.now_s += seconds
        return self.trip.update_by(self.arrivals)

    def complete(self) -> TripReport | None:
        """Look until what is new has come in full."""
        assert self.after(1) is None
        return self.after(QUIET_S)

    def put(self, number: int, first: int) -> Path:
        """Lay a clip into the folder: one of 2 s that begins so many seconds after the first one."""
        path = self.folder / f"2026_0628_1334{first:02d}_{number:04d}F.MP4"
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("mpeg4", rate=5)
            stream.width, stream.height = 64, 64
            for index in range(CLIP_S * 5):
                level = 10 * number + index
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    (tmp_path / "card").mkdir()
    settings = TripSettings(
        folder=tmp_path / "card",
        output=tmp_path / "out",
        state=tmp_path / "state",
        model=ModelConfig(path=bright_cell_detector(tmp_path / "m.onnx"), score=0.4),
        tracker=TrackerConfig(name="steady", memory_s=TRACKER_MEMORY_S),
    )
    return Watched(tmp_path / "card", settings)


def videos(report: TripReport | None) -> list[str | None]:
    assert report is not None
    return [drive.video for drive in report.summary.drives]


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_the_last_drive_gets_its_video_when_nothing_more_of_it_comes(watched: Watched) -> None:
    with watched.trip:
        watched.put(1, 10)
        assert videos(watched.complete()) == [None]
        assert watched.after(OVER_S - 1) is None
        (video,) = videos(watched.after(1))
        assert video is not None
        assert pictures(watched.settings.output / video) == CLIP_S * 5
        assert watched.after(OVER_S) is None
        watched.put(2, 12)  # the drive went on after all
        assert videos(watched.complete()) == [video]
        assert pictures(watched.settings.output / video) == CLIP_S * 5
        assert videos(watched.after(OVER_S)) == [video]
        assert pictures(watched.settings.output / video) > 1.8 * CLIP_S * 5


def test_a_clip_that_is_on_its_way_keeps_a_drive_open_and_a_card_that_is_away_its_video_back(watched: Watched) -> None:
    with watched.trip:
        watched.put(1, 10)
        assert videos(watched.complete()) == [None]
        coming = watched.folder / "coming.MP4"
        for size in range(10):
            coming.write_bytes(b"x" * (100 + size))
            assert watched.after(OVER_S / 5) is None
        coming.unlink()
        watched.folder.rename(watched.folder.with_name("away"))
        assert watched.after(2 * OVER_S) is None
        watched.folder.with_name("away").rename(watched.folder)
        assert watched.after(1) is None
        assert videos(watched.after(QUIET_S)) != [None]


def test_positions_that_come_beside_a_known_clip_are_told_when_they_have_come_in_full(watched: Watched) -> None:
    with watched.trip:
        clip = watched.put(1, 10)
        beside = clip.with_suffix(".gpx")
        beside.write_text(_gpx(3))
        report = watched.complete()
        assert report is not None
        first_m = report.summary.drives[0].distance_m
        beside.write_text(_gpx(4))
        assert watched.after(1) is None
        assert watched.after(QUIET_S - 1) is None
        beside.write_text(_gpx(9))
        os.utime(beside, (1, 1))
        assert watched.after(1) is None
        report = watched.after(QUIET_S)
        assert report is not None
        assert (report.clips.new, report.clips.skipped) == (0, 1)
        assert first_m is not None
        assert (report.summary.drives[0].distance_m or 0.0) > 3 * first_m
        assert watched.after(QUIET_S) is None


def _gpx(points: int) -> str:
    """Return a way with a point each quarter of a second of the first clip."""
    lines = [
        f'<trkpt lat="{50 + at / 1e4:.4f}" lon="10.0"><time>2026-06-28T13:34:{10 + at / 4:05.2f}Z</time></trkpt>'
        for at in range(points)
    ]
    return f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{"".join(lines)}</trkseg></trk></gpx>'
