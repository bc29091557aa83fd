"""Folders, globs, numbered patterns and lists of videos as one stream."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.capture.registry import parse_source
from streamvision.core.errors import SourceError
from streamvision.core.frame import FilePlace, Frame
from streamvision.core.stream_state import StreamState
from support.capturing import capturing, take, write_video
from support.command_line import streamvision
from support.tiny_detector import tiny_detector


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """Three clips of different lengths, whose alphabetical order is not that in which they were taken."""
    (folder := tmp_path / "drive").mkdir()
    for number, frames in ((1, 10), (2, 7), (10, 5)):
        write_video(folder / f"clip_{number}.MP4", sizes=[(64, 48)], frames=frames)
    (folder / "notes.txt").write_text("no video")
    (folder / "._clip_1.MP4").write_bytes(b"what macOS leaves behind")
    return folder


def places(frames: list[Frame]) -> list[tuple[str, int]]:
    assert all(frame.place is not None for frame in frames)
    return [(frame.place.name, frame.place.frame) for frame in frames if frame.place is not None]


IN_ORDER = [(f"clip_{number}.MP4", frame) for number, count in ((1, 10), (2, 7), (10, 5)) for frame in range(count)]


@pytest.mark.parametrize("pattern", ["", "*.MP4", "clip_*", "clip_%d.MP4"])
def test_videos_are_one_stream_in_natural_order(drive: Path, pattern: str) -> None:
    with capturing(f"{drive}/{pattern}") as capture:
        frames = take(capture)
    assert places(frames) == IN_ORDER
    assert [frame.index for frame in frames] == list(range(22))
    assert [frame.pts_s for frame in frames] == pytest.approx([0.04 * number for number in range(22)])
    assert {frame.segment for frame in frames} == {0}
    assert [frame.place.pts_s for frame in frames[10:12] if frame.place] == pytest.approx([0.0, 0.04])
    assert (capture.state.state, capture.failure, capture.drops.by_cause()) == (StreamState.ENDED, None, {})
    assert (capture.spec.live, capture.spec.suggest_id) == (False, "drive")


def test_folders_within_are_asked_for_by_a_glob(tmp_path: Path) -> None:
    for folder in ("trip [2024]/front", "trip [2024]/rear"):
        (tmp_path / folder).mkdir(parents=True)
        write_video(tmp_path / folder / "1.mp4", sizes=[(64, 48)], frames=2)
    with capturing(tmp_path / "trip [2024]" / "**" / "*.mp4") as capture:
        assert places(take(capture)) == [(f"{side}/1.mp4", frame) for side in ("front", "rear") for frame in (0, 1)]
    with pytest.raises(SourceError, match="without images or videos"):
        parse_source(str(tmp_path / "trip [2024]"))


def test_several_paths_are_one_stream(drive: Path, tmp_path: Path) -> None:
    as_shells_list_them = sorted(str(path) for path in drive.glob("clip*"))
    with capturing(as_shells_list_them) as capture:
        assert places(take(capture)) == IN_ORDER
    (other := tmp_path / "other").mkdir()
    write_video(other / "clip_1.MP4", sizes=[(64, 48)], frames=3)
    with capturing([str(other), f"{drive}/clip_10.MP4"]) as capture:
        names = [name for name, _ in places(take(capture))]
    assert names == ["other/clip_1.MP4"] * 3 + ["drive/clip_10.MP4"] * 5, "an order that is not a shell's is kept"
    with capturing([str(drive / "clip_2.MP4")]) as capture:
        assert (len(take(capture)), capture.spec.kind) == (7, "file")


def test_a_single_video_has_its_place_in_it_when_it_loops(drive: Path) -> None:
    with capturing(drive / "clip_10.MP4", loop=True, max_frames=12) as capture:
        frames = take(capture)
    assert places(frames) == [("clip_10.MP4", number % 5) for number in range(12)]


def test_a_change_of_size_begins_a_new_segment(drive: Path) -> None:
    write_video(drive / "clip_3.MP4", sizes=[(96, 48)], frames=4)
    with capturing(drive) as capture:
        frames = take(capture)
    assert [frame.segment for frame in frames] == [0] * 17 + [1] * 4 + [2] * 5
    assert np.diff([frame.pts_s for frame in frames]) == pytest.approx([0.04] * 25)


def test_what_is_no_video_is_skipped_and_counted(drive: Path, caplog: pytest.LogCaptureFixture) -> None:
    (drive / "clip_0.mp4").touch()
    (drive / "clip_3.mp4").write_bytes(b"no video" * 100)
    with capturing(drive) as capture:
        assert places(take(capture)) == IN_ORDER
    assert (capture.failure, capture.drops.by_cause()) == (None, {"unreadable": 2})
    assert "clip_0.mp4" in caplog.text
    assert "clip_3.mp4" in caplog.text


def test_a_cut_video_ends_nothing_but_is_told(drive: Path) -> None:
    whole = write_video(drive / "whole.mkv", sizes=[(320, 180)], frames=100)
    (drive / "clip_3.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()
    with capturing(drive) as capture:
        names = [name for name, _ in places(take(capture))]
    assert names[-5:] == ["clip_10.MP4"] * 5
    assert names.count("clip_3.mkv") > 10
    assert capture.failure is not None
    assert "1 of the 4 videos" in capture.failure
    assert "clip_3.mkv is truncated" in capture.failure


def test_a_folder_without_a_readable_video_fails(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"broken")
    with capturing(tmp_path) as capture:
        assert take(capture) == []
    assert capture.failure is not None
    assert "none of the 1 videos" in capture.failure


@pytest.mark.parametrize(("pictures", "kind", "left_out"), [(1, "videos", ".png"), (4, "images", ".MP4")])
def test_a_mixture_is_said(
    drive: Path, caplog: pytest.LogCaptureFixture, pictures: int, kind: str, left_out: str
) -> None:
    for number in range(pictures):
        cv2.imwrite(str(drive / f"thumb{number}.png"), np.zeros((8, 8, 3), np.uint8))
    assert parse_source(str(drive)).kind == kind
    assert f"{pictures} picture{'s' * (pictures > 1)} and 3 videos: only the" in caplog.text
    assert f"'*{left_out}'" in caplog.text


@pytest.mark.parametrize("second", ["rtsp://camera/1", "no/such.mp4", "no*.mp4", "-", "/dev/null"])
def test_of_several_paths_each_is_a_file(drive: Path, second: str) -> None:
    with pytest.raises(SourceError, match="is no file, folder or glob, as each of several paths") as caught:
        parse_source([f"{drive}/clip_1.MP4", second])
    assert caught.value.permanent


def test_results_name_file_and_place(drive: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((48, 64, 3), np.uint8))
    model, lines = tiny_detector(tmp_path / "model.onnx"), tmp_path / "lines.jsonl"
    clips = [drive / name for name in ("clip_1.MP4", "clip_10.MP4", "clip_2.MP4")]
    sources = ["--source", *clips, "--source", tmp_path / "photo.png"]
    done = streamvision("run", *sources, "--model", model, "--detections", lines, "--json")
    assert done.code == 0, done.stderr
    assert [stream["frames_done"] for stream in done.report["streams"]] == [22, 1]
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    of_drive = [line for line in written if line["stream"] == "drive"]
    assert [(line["file"], line["file_frame"]) for line in of_drive] == IN_ORDER
    assert of_drive[11]["file_pts_s"] == pytest.approx(0.04)
    (photo,) = [line for line in written if line["stream"] == "photo"]
    assert FilePlace(photo["file"], photo["file_frame"], photo["file_pts_s"]) == ("photo.png", 0, 0.0)
