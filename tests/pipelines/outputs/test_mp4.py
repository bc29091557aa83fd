from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.outputs.mp4 import Mp4Sink
from streamvision.core.detections import Detections
from streamvision.core.errors import MissingDependencyError, OutputError
from streamvision.core.frame import Frame, Result, WallTime
from streamvision.core.picture import U8, BgrPicture
from streamvision.core.rendered_frame import RenderedFrame

RED_BGR, WHITE_BGR = (0, 0, 255), (255, 255, 255)


def annotated(index: int, pts_s: float, bgr: U8) -> RenderedFrame:
    picture = BgrPicture(bgr)
    return RenderedFrame(
        Result(Frame("gate", index, pts_s, 0.0, picture), Detections.empty()),
        draw=picture.to_canvas,
        encode=lambda canvas: b"",
    )


def half_red(width_px: int = 320, height_px: int = 180) -> U8:
    bgr = np.full((height_px, width_px, 3), WHITE_BGR, np.uint8)
    bgr[:, : width_px // 2] = RED_BGR
    return bgr


def frames_of(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def rgb_at(frame: av.VideoFrame, x: int, y: int) -> np.ndarray:
    return frame.to_ndarray(format="rgb24")[y, x].astype(int)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_colours_come_back_in_full_range(tmp_path: Path, codec: str) -> None:
    sink = Mp4Sink(tmp_path / "v.mp4", codec=codec)
    for index in range(5):
        sink.write(annotated(index, index / 25, half_red()))
    sink.close()
    frames = frames_of(tmp_path / "v.mp4")
    assert len(frames) == 5
    assert np.abs(rgb_at(frames[2], 40, 90) - (255, 0, 0)).max() <= 8
    assert np.abs(rgb_at(frames[2], 280, 90) - (255, 255, 255)).max() <= 3


def test_each_frame_keeps_its_own_time_across_gaps(tmp_path: Path) -> None:
    times_s = [100.0, 100.04, 100.1, 100.1, 100.5, 131.0, 131.033]
    sink = Mp4Sink(tmp_path / "v.mp4")
    for index, pts_s in enumerate(times_s):
        sink.write(annotated(index, pts_s, half_red()))
    sink.close()
    seen = [float(frame.time or 0) for frame in frames_of(tmp_path / "v.mp4")]
    assert seen == pytest.approx([t - 100 for t in times_s], abs=1e-3)
    assert (np.diff(seen) > 0).all()


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_keep_their_intervals_behind_a_gap_of_any_length(
    tmp_path: Path, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    hour_s = 3600.0
    times_s = [start_s + n / 25 for start_s in (0.0, 5.9 * hour_s, 13 * hour_s, 90 * hour_s) for n in range(5)]
    sink = Mp4Sink(tmp_path / "v.mp4", codec=codec)
    for index, pts_s in enumerate(times_s):
        sink.write(annotated(index, pts_s, half_red()))
    sink.close()
    seen = [float(frame.time or 0) for frame in frames_of(tmp_path / "v.mp4")]
    second_s = 5.9 * hour_s
    begins_s = [0.0, second_s, second_s + 1.16, second_s + 2.32]
    assert seen == pytest.approx([begin_s + n / 25 for begin_s in begins_s for n in range(5)], abs=1e-3)
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert "a gap of 7.1 h in the stream is 1 s long in the recording" in said[0]


def test_a_recording_says_when_it_begins(tmp_path: Path) -> None:
    rendered = annotated(0, 5.0, half_red())
    rendered.result.frame = replace(rendered.result.frame, wall_time=WallTime(1704112205.5, "arrival"))
    sink = Mp4Sink(tmp_path / "v.mp4")
    sink.write(rendered)
    sink.close()
    with av.open(str(tmp_path / "v.mp4")) as container:
        assert container.metadata["creation_time"] == "2024-01-01T12:30:05.000000Z"


@pytest.mark.parametrize(("size", "even"), [((641, 359), (642, 360)), ((1, 1), (2, 2)), ((320, 180), (320, 180))])
def test_odd_sizes_are_rounded_to_even(tmp_path: Path, size: tuple[int, int], even: tuple[int, int]) -> None:
    sink = Mp4Sink(tmp_path / "v.mp4")
    for index in range(3):
        sink.write(annotated(index, index / 25, np.full((size[1], size[0], 3), RED_BGR, np.uint8)))
    sink.close()
    for frame in frames_of(tmp_path / "v.mp4"):
        assert (frame.width, frame.height) == even
        for x in (0, even[0] - 1):
            assert np.abs(rgb_at(frame, x, even[1] - 1) - (255, 0, 0)).max() <= 8


def test_a_frame_of_another_size_is_fitted_in_with_black_bars(tmp_path: Path) -> None:
    sink = Mp4Sink(tmp_path / "v.mp4")
    sink.write(annotated(0, 0.0, half_red(320, 180)))
    sink.write(annotated(1, 0.04, np.full((241, 241, 3), WHITE_BGR, np.uint8)))
    sink.write(annotated(2, 0.08, np.full((40, 320, 3), WHITE_BGR, np.uint8)))
    sink.close()
    _, square, flat = frames_of(tmp_path / "v.mp4")
    assert (square.width, square.height) == (320, 180)
    assert rgb_at(square, 20, 90).max() <= 12
    assert rgb_at(square, 160, 90).min() >= 243
    assert rgb_at(flat, 160, 20).max() <= 12
    assert rgb_at(flat, 10, 90).min() >= 243


def test_a_killed_recorder_leaves_a_playable_file_up_to_the_last_second(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    program = textwrap.dedent(
        f"""
        import time
        import numpy as np
        from pathlib import Path
        from pipelines.outputs.mp4 import Mp4Sink
        from streamvision.core.rendered_frame import RenderedFrame
        from streamvision.core.detections import Detections
        from streamvision.core.frame import Frame, Result
        from streamvision.core.picture import BgrPicture
        sink = Mp4Sink(Path({str(path)!r}))
        for index in range(130):
            picture = BgrPicture(np.full((180, 320, 3), index, np.uint8))
            result = Result(Frame("gate", index, index / 25, 0.0, picture), Detections.empty())
            sink.write(RenderedFrame(result, draw=picture.to_canvas, encode=bytes))
        print("written", flush=True)
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    frames = frames_of(path)
    assert len(frames) >= 130 - 26
    levels = [int(rgb_at(frame, 100, 100)[0]) for frame in frames]
    assert np.abs(np.array(levels) - np.arange(len(levels))).max() <= 3


def test_what_is_written_while_running_can_be_played_meanwhile(tmp_path: Path) -> None:
    sink = Mp4Sink(tmp_path / "v.mp4")
    for index in range(60):
        sink.write(annotated(index, index / 25, half_red()))
    assert len(frames_of(tmp_path / "v.mp4")) >= 60 - 26
    sink.close()
    assert len(frames_of(tmp_path / "v.mp4")) == 60


def test_a_recording_without_frames_leaves_no_unplayable_file(tmp_path: Path) -> None:
    sink = Mp4Sink(tmp_path / "v.mp4")
    sink.close()
    sink.close()
    assert not (tmp_path / "v.mp4").exists()


def test_writing_after_close_is_harmless(tmp_path: Path) -> None:
    sink = Mp4Sink(tmp_path / "v.mp4")
    sink.write(annotated(0, 0.0, half_red()))
    sink.close()
    size = (tmp_path / "v.mp4").stat().st_size
    sink.write(annotated(1, 0.1, half_red()))
    assert (tmp_path / "v.mp4").stat().st_size == size


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_output_error() -> None:
    sink = Mp4Sink(Path("/dev/full"))
    noise = np.random.default_rng(0).integers(0, 255, (180, 320, 3), dtype=np.uint8)
    with pytest.raises(OutputError, match=r"cannot write /dev/full: No space left on device; give"):
        for index in range(100):
            sink.write(annotated(index, index / 10, noise))
    try:
        sink.close()
    except OutputError as error:
        assert "/dev/full" in str(error)


def test_a_file_that_cannot_be_created_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        Mp4Sink(tmp_path / "missing" / "v.mp4")


def test_a_missing_encoder_is_named() -> None:
    with pytest.raises(MissingDependencyError, match="no video encoder h999"):
        Mp4Sink(Path("never-created.mp4"), codec="h999")
