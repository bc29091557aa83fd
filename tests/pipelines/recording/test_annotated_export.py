from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipelines.recording.media import RecordedFile, export_annotated
from pipelines.recording.segment_store import boxes_path
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.recordings import RecordedSpan, RecordingAbsentError
from support.recorded_files import START_UNIX_S, number_on, numbers_of, write_boxes, write_recording

PLAIN = OverlayConfig(labels=False, trails_s=0)
BOX = (0.25, 0.6, 0.75, 0.9)


def span(since_s: float, until_s: float) -> RecordedSpan:
    return RecordedSpan("door", START_UNIX_S + since_s, START_UNIX_S + until_s)


def objects(track_id: int = 3) -> list[dict[str, Any]]:
    return [{"track_id": track_id, "class_id": 1, "score": 0.9, "box": list(BOX)}]


def exported(files: list[RecordedFile], until_s: float, path: Path) -> Path:
    path.write_bytes(b"".join(export_annotated(files, span(0.0, until_s), overlay=PLAIN)))
    return path


def has_box(grey: np.ndarray) -> bool:
    """Say whether there is an edge between the two halves of a box's left side and the picture beside it."""
    height_px, width_px = grey.shape
    row = grey[int(0.75 * height_px)].astype(int)
    left_px = int(BOX[0] * width_px)
    return bool(np.ptp(row[left_px - 8 : left_px + 8]) > 40)


def with_boxes(path: Path) -> list[bool]:
    with av.open(str(path)) as container:
        return [has_box(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 2), ("libx265", 0)])
def test_boxes_are_drawn_on_their_own_pictures(tmp_path: Path, codec: str, b_frames: int) -> None:
    lines = [(number / 25, objects() if 10 <= number < 20 else []) for number in range(50)]
    file = write_recording(tmp_path, codec=codec, b_frames=b_frames, sound=None, objects=lines)
    with av.open(str(file.path)) as container:  # the times that the file really has, as a recorder writes them
        shown = sorted(p.pts for p in container.demux(video=0) if p.size)
        tick_s = float(container.streams.video[0].time_base)
    write_boxes(
        boxes_path(file.path),
        "door",
        START_UNIX_S,
        [(round((pts - shown[0]) * tick_s, 3), found) for pts, (_, found) in zip(shown, lines, strict=True)],
    )
    out = exported([file], 10.0, tmp_path / "out.mp4")
    assert numbers_of(out) == list(range(50))
    assert [number for number, drawn in enumerate(with_boxes(out)) if drawn] == list(range(10, 20))


def test_boxes_of_fewer_frames_are_held_and_then_gone(tmp_path: Path) -> None:
    file = write_recording(tmp_path, count=75, sound=None, objects=[(0.4, objects()), (0.8, objects())])
    drawn = [number for number, has in enumerate(with_boxes(exported([file], 10.0, tmp_path / "out.mp4"))) if has]
    assert drawn == list(range(drawn[0], drawn[-1] + 1))
    assert 9 <= drawn[0] <= 11 and 30 <= drawn[-1] <= 34


def test_sizes_codecs_and_sounds_that_change_are_one_video(tmp_path: Path) -> None:
    files = [
        write_recording(tmp_path, size_px=(320, 180), sound="pcm_alaw"),
        write_recording(
            tmp_path, start_unix_s=START_UNIX_S + 2, first=50, size_px=(640, 360), codec="libx265", sound="aac"
        ),
        write_recording(tmp_path, start_unix_s=START_UNIX_S + 60, first=100, codec="mjpeg", sound=None),
    ]
    out = exported(files, 100.0, tmp_path / "out.mp4")
    assert numbers_of(out) == list(range(150))
    with av.open(str(out)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 320, 180)
        assert (audio.codec_context.name, audio.codec_context.sample_rate) == ("aac", 48_000)
        heard_s = sorted(float(one.pts * one.time_base) for one in container.demux(audio) if one.size)
    assert heard_s[0] < 0.2 and 3.5 < heard_s[-1] < 4.3
    assert max(np.diff(heard_s)) < 0.3


def test_the_sound_is_that_of_the_camera(tmp_path: Path) -> None:
    out = exported([write_recording(tmp_path, sound="pcm_mulaw")], 10.0, tmp_path / "out.mp4")
    with av.open(str(out)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])[4800:52800]
    spectrum = np.abs(np.fft.rfft(sound))
    assert abs(int(np.argmax(spectrum)) * 48_000 / len(sound) - 440) < 5
    assert spectrum.max() > 20 * np.median(spectrum)


def test_pieces_come_while_it_is_made(tmp_path: Path) -> None:
    pieces = export_annotated([write_recording(tmp_path, count=200)], span(0.0, 10.0))
    assert sum(len(piece) > 0 for piece in pieces) >= 7


def test_what_is_cut_short_or_made_up_beside_it_does_no_harm(tmp_path: Path) -> None:
    torn = write_recording(tmp_path, gop=10, sound=None)
    torn.path.write_bytes(torn.path.read_bytes()[: torn.recording.size_bytes * 2 // 3])
    huge = {"track_id": 2**31 - 1, "class_id": 2**31 - 1, "score": 9, "box": [-1e9, 0.5, 1e9, 0.9]}
    whole = write_recording(
        tmp_path, start_unix_s=START_UNIX_S + 2, first=50, sound=None, objects=[(0.0, [huge, {}]), (-1e9, [huge])]
    )
    numbers = numbers_of(exported([torn, whole], 10.0, tmp_path / "out.mp4"))
    assert numbers[-50:] == list(range(50, 100)) and len(numbers) > 65


def test_nothing_recorded_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(RecordingAbsentError, match="nothing was recorded of door"):
        export_annotated([], span(0, 2))


def test_it_begins_with_the_key_frame_before_the_span(tmp_path: Path) -> None:
    file = write_recording(tmp_path, gop=10, sound=None)
    first = b"".join(export_annotated([file], span(1.0, 1.5)))
    (tmp_path / "out.mp4").write_bytes(first)
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert number_on(frame.to_ndarray(format="gray")) == 20
