"""What time of day a frame was taken at, and who says so."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipelines.capture.wall_clock import recording_clock, time_in_name
from streamvision.core.frame import Frame
from support.capturing import capturing, take, write_video
from support.clock_camera import ClockCamera
from support.recorded_files import START_UNIX_S, write_recording

NOON = datetime(2024, 1, 1, 12, 30, 5)
NOON_UTC_S = datetime(2024, 1, 1, 12, 30, 5, tzinfo=timezone.utc).timestamp()
YEAR_S = 365 * 86400.0


@pytest.fixture(params=["Europe/Berlin", "America/New_York"], autouse=True)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def stamped(source: Path, target: Path, **tags: str) -> Path:
    """Copy a film with tags in its header."""
    options = {"movflags": "use_metadata_tags"} if target.suffix == ".mov" else {}
    with av.open(str(source)) as given, av.open(str(target), "w", options=options) as out:
        out.metadata.update({key.replace("__", "."): value for key, value in tags.items()})
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return target


def frames_of(path: Path) -> list[Frame]:
    with capturing(path) as capture:
        return take(capture)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", sizes=[(320, 180)], frames=10)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_container_says_when_its_first_frame_was_taken(film: Path, tmp_path: Path, suffix: str) -> None:
    path = stamped(film, tmp_path / f"2023-05-05_10-00-00{suffix}", creation_time="2024-01-01T12:30:05.000000Z")
    frames = frames_of(path)
    assert [frame.time_unix_s for frame in frames] == pytest.approx([NOON_UTC_S + n / 25 for n in range(10)], abs=2e-3)
    assert {frame.time_source for frame in frames} == {"container"}


def test_apples_date_with_the_zone_of_the_place_goes_first() -> None:
    tags = {"creation_time": "2024-01-01T12:30:07Z", "com.apple.quicktime.creationdate": "2024-01-01T14:30:05+0200"}
    clock = recording_clock("IMG_0001.MOV", tags, {})
    assert clock is not None
    assert [clock.at(pts_s) for pts_s in (7.0, 8.5)] == [(NOON_UTC_S, "container"), (NOON_UTC_S + 1.5, "container")]


@pytest.mark.parametrize("stamp", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2000-01-01T00:00:07Z", "2024", "?"])
def test_a_clock_that_was_never_set_says_nothing(stamp: str) -> None:
    assert recording_clock("film.mp4", {"creation_time": stamp}) is None
    named = recording_clock("20240101_123005.mp4", {"creation_time": stamp})
    assert named is not None
    assert named.at(0.0) == (NOON.timestamp(), "file_name")


@pytest.mark.parametrize(
    "name",
    [
        "20240101_123005.mp4",
        "2024_0101_123005_001.MP4",
        "2024-01-01T12:30:05.mp4",
        "2024-01-01_12-30-05-front.mp4",
        "NO20240101-123005-000001F.MP4",
        "RLC_00_20240101123005.mp4",
        "clip at home 2024-01-01 at 12.30.05.mp4",
        "drive/2024-01-01/12:30:05.mp4",
        "drive/2024-01-01/12-30-05.mp4",
    ],
)
def test_a_name_with_a_date_says_when_in_the_zone_of_this_machine(name: str) -> None:
    assert time_in_name(name) == NOON.timestamp()
    assert time_in_name(name) != NOON_UTC_S


def test_a_name_may_have_milliseconds_and_a_z_for_utc() -> None:
    assert time_in_name("PXL_20240101_123005123.mp4") == NOON.timestamp() + 0.123
    assert time_in_name("cam-20240101T123005Z.mp4") == NOON_UTC_S


@pytest.mark.parametrize(
    "name", ["drive.mp4", "20240101.mp4", "20241301_123005.mp4", "99990101_123005.mp4", "120240101123005.mp4", ""]
)
def test_other_numbers_are_no_date(name: str) -> None:
    assert time_in_name(name) is None


def test_a_file_by_its_name_and_one_that_says_nothing(film: Path) -> None:
    named = film.rename(film.with_name("2024-01-01T12:30:05.mp4"))
    frames = frames_of(named)
    assert frames[5].time_unix_s == pytest.approx(NOON.timestamp() + 0.2)
    assert frames[5].time_source == "file_name"
    silent = frames_of(named.rename(film))
    assert (silent[5].time_unix_s, silent[5].time_source) == (None, None)


def test_each_picture_of_a_folder_by_its_own_name(tmp_path: Path) -> None:
    for name in ("cam_20240101_123005.png", "cam_20240101_123105.png", "other.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((40, 60, 3), np.uint8))
    times = [frame.wall_time for frame in frames_of(tmp_path)]
    assert times == [(NOON.timestamp(), "file_name"), (NOON.timestamp() + 60, "file_name"), None]


def test_clips_of_a_folder_each_have_a_clock_of_their_own(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    for name in ("20240101_123005.mp4", "20240101_133005.mp4"):
        shutil.copy(film, folder / name)
    frames = frames_of(folder)
    assert len(frames) == 20
    assert frames[-1].pts_s - frames[0].pts_s < 2
    assert frames[10].time_unix_s == pytest.approx(NOON.timestamp() + 3600)


def test_a_live_source_has_the_time_of_its_arrival() -> None:
    with capturing("synthetic:boxes?fps=20") as capture:
        frames = take(capture, 5)
    for frame in frames:
        assert frame.time_source == "arrival"
        assert frame.time_unix_s == pytest.approx(time.time() - frame.age_s(), abs=0.5)


def test_a_cameras_sender_reports_say_when_also_where_its_timestamps_leap() -> None:
    with ClockCamera(unix_offset_s=-YEAR_S, leaps_s={15: 900.0}) as camera, capturing(camera.url) as capture:
        frames = take(capture, 30, timeout_s=60)
    told = [frame for frame in frames if frame.time_source == "rtcp"]
    assert {frame.time_source for frame in frames[:1]} <= {"arrival", "rtcp"}
    assert len(told) > 20
    for frame in told:
        assert frame.time_unix_s is not None
        assert frame.time_unix_s - (time.time() - frame.age_s()) == pytest.approx(-YEAR_S, abs=1.0)
    steps = [after.time_unix_s - before.time_unix_s for before, after in pairwise(told)]  # type: ignore[operator]
    assert min(steps) > -0.5
    assert max(steps) < 60  # though the timestamps leap by 900 s before the next report


def test_a_camera_whose_clock_was_never_set_has_the_time_of_its_arrival() -> None:
    with ClockCamera(unix_offset_s=-time.time() + 60) as camera, capturing(camera.url) as capture:
        frames = take(capture, 10)
    assert {frame.time_source for frame in frames} == {"arrival"}


def test_a_recording_of_ours_is_named_for_its_moment_in_utc() -> None:
    recorded = "/srv/recordings/door/2024-01-01/12/30-05.250Z.continuous.mp4"
    assert time_in_name(recorded) == NOON_UTC_S + 0.25
    assert time_in_name("/srv/2024-01-01/12/film.mp4") is None


@pytest.mark.parametrize("part", ["door", "door/2026-05-01"])
def test_a_folder_of_recordings_is_one_stream_in_the_order_of_time(tmp_path: Path, part: str) -> None:
    starts_s = (0.0, 1.0, 1800.0 + 0.25)
    for start_s in reversed(starts_s):
        write_recording(tmp_path, start_unix_s=START_UNIX_S + start_s, count=5, sound=None)
    (tmp_path / "door" / "2026-05-01" / "notes").mkdir()
    shutil.copy(next(tmp_path.rglob("*.mp4")), tmp_path / "door" / "2026-05-01" / "notes" / "other.mp4")
    frames = frames_of(tmp_path / part)
    assert len(frames) == 15
    begun = [frame.time_unix_s for frame in frames[::5]]
    assert begun == pytest.approx([START_UNIX_S + start_s for start_s in starts_s], abs=0.001)
