"""From a real RTSP camera through the recorder's files into one export: the packets are the camera's."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.recording.media import (
    RecordedFile,
    Thumbnails,
    export,
    export_annotated,
    frames,
    media_type,
    motion,
    playable,
)
from pipelines.recording.segment_store import WrittenSegment
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.recordings import RecordedSpan, Recording
from support.bar_codes import bar_code_video, number_on
from support.changes import until
from support.recording import FolderStore, hashes_of, packets_of, pictures_of, recorded, sent
from support.rtsp_server import RtspServer, unavailable

FRAMES, FPS = 400, 20
WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def file_of(number: int, segment: WrittenSegment) -> RecordedFile:
    recording = Recording(
        number,
        segment.stream,
        "continuous",
        segment.start_unix_s,
        segment.end_unix_s,
        segment.path.stat().st_size,
        segment.codec,
        segment.width_px,
        segment.height_px,
        segment.has_sound,
    )
    return RecordedFile(segment.path, recording)


@pytest.mark.gstreamer
@pytest.mark.parametrize("sound", ["aac", "pcmu"])
def test_an_export_is_what_the_camera_sent(tmp_path: Path, sound: str) -> None:
    if (reason := unavailable()) is not None:
        pytest.skip(reason)
    video, log = bar_code_video(tmp_path / "v.mp4", frames=FRAMES, fps=FPS), tmp_path / "sent.txt"
    store = FolderStore(tmp_path)
    with (
        RtspServer(video, sound=sound, sent=log) as server,  # type: ignore[arg-type]
        recorded(server.url, store, mode="continuous", segment_s=2),
    ):
        until(lambda: len(store.written) >= 2, "two files are written")
    files = [file_of(number, segment) for number, segment in enumerate(store.written)]
    start_unix_s, end_unix_s = files[0].recording.start_unix_s, files[-1].recording.end_unix_s
    span = RecordedSpan("cam", start_unix_s, end_unix_s + 1)

    out = tmp_path / "out.mp4"
    out.write_bytes(b"".join(export(files, span)))
    assert _are_in_order(hashes_of(out), sent(log, "video"))
    assert _are_in_order([packet.hex() for packet in packets_of(out, "audio")], sent(log, "sound"))
    assert sum(len(packets_of(file.path, "audio")) for file in files) - len(packets_of(out, "audio")) <= 1
    shown = pictures_of(out)
    assert all(late == soon + 1 for (_, soon), (_, late) in pairwise(shown))
    assert all(0 < late_s - soon_s < 1 for (soon_s, _), (late_s, _) in pairwise(shown))

    told = frames(files, span)
    assert len(told) > 20 and {one.class_name for frame in told for one in frame.objects} == {"thing"}
    drawn = tmp_path / "drawn.mp4"
    overlay = OverlayConfig(labels=False, trails_s=0)
    drawn.write_bytes(b"".join(export_annotated(files, span, overlay=overlay)))
    assert [number for _, number in pictures_of(drawn)] == [number for _, number in shown]
    with av.open(str(drawn)) as container, av.open(str(out)) as plain:
        both = zip(container.decode(video=0), plain.decode(video=0), strict=True)
        edges = [_differs_at_the_box(one, other) for one, other in both]
    assert sum(edges) >= 0.5 * len(told), "boxes are drawn on the pictures that they were found on"

    middle_unix_s = (start_unix_s + end_unix_s) / 2
    inside = next(f for f in files if f.recording.start_unix_s <= middle_unix_s < f.recording.end_unix_s)
    assert Thumbnails().jpeg(inside, middle_unix_s, 160)
    assert len(list(motion(files, span, WHOLE))) >= 2
    played = playable(files[0])
    assert isinstance(played, Path) == (sound == "aac")
    assert media_type(files[0]).endswith(',mp4a.40.2"')


def _are_in_order(part: list[str], all_of_it: list[str]) -> bool:
    begin = all_of_it.index(part[0])
    return len(part) > 20 and all_of_it[begin : begin + len(part)] == part


def _differs_at_the_box(drawn: av.VideoFrame, plain: av.VideoFrame) -> bool:
    """Say whether the line along the lower edge of the left top quarter is drawn over."""
    rows = slice(drawn.height // 2 - 3, drawn.height // 2 + 3)
    one, other = (frame.to_ndarray(format="gray")[rows, : drawn.width // 2].astype(int) for frame in (drawn, plain))
    return bool(np.abs(one - other).mean() > 20) and number_on(drawn) == number_on(plain)
