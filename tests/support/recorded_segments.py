"""Recorded files as a recorder makes them: small fragmented MP4 files of a real encoder, put into a store."""

from __future__ import annotations

import functools
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np

from pipelines.recording.segment_store import SegmentKind, WrittenSegment, boxes_path
from streamvision.core.config.recording import RecordingConfig
from streamvision.service.recordings.store import RecordingStore
from streamvision.state.database import Database
from streamvision.state.recordings import recorded_streams, recordings_of

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


@functools.cache
def clip(seconds: int = 2, fps: int = 5) -> bytes:
    """Return a fragmented MP4 file with a key frame a second."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options=FRAGMENTED) as container:
        video = container.add_stream("libx264", rate=fps, options={"g": str(fps), "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(seconds * fps):
            picture = np.full((48, 64, 3), number * 20 % 255, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
    return file.getvalue()


@contextmanager
def recording_store(place: str, folder: Path, **config: object) -> Iterator[RecordingStore]:
    """Open a store for the length of the block; its housekeeping is begun by ``start``."""
    database = Database.open(place)
    unbounded = {"min_free_gb": 0, "continuous": {"days": None}, "events": {"days": None}}
    store = RecordingStore(database, folder, RecordingConfig.model_validate({**unbounded, **config}))
    try:
        yield store
    finally:
        store.stop()
        database.close()


def record(
    store: RecordingStore,
    stream: str = "door",
    *,
    start_unix_s: float | None = None,
    length_s: float = 2.0,
    kind: SegmentKind = "continuous",
    data: bytes | None = None,
    boxes: str = "",
) -> Path:
    """Put a whole file into a store and return the path that it was given."""
    start_unix_s = time.time() - length_s if start_unix_s is None else start_unix_s
    path = store.begin(stream, start_unix_s, kind)
    path.write_bytes(clip() if data is None else data)
    if boxes:
        boxes_path(path).write_text(boxes)
    store.end(segment(path, stream, start_unix_s, length_s))
    return path


def segment(
    path: Path, stream: str, start_unix_s: float, length_s: float = 2.0, *, pictures: int = 10
) -> WrittenSegment:
    """Return what a recorder says of a file at its end."""
    return WrittenSegment(path, stream, start_unix_s, start_unix_s + length_s, "h264", 64, 48, False, pictures)


def files_below(folder: Path) -> dict[str, int]:
    """Return the size of every recorded file with its boxes, by path below the folder."""
    return {
        str(path.relative_to(folder)): path.stat().st_size + (boxes.stat().st_size if boxes.exists() else 0)
        for path in folder.rglob("*.mp4")
        for boxes in [boxes_path(path)]
    }


def indexed(store: RecordingStore) -> dict[str, int]:
    """Return what the index says, in the same form."""
    with store.index.database.reading() as connection:
        rows = [one for name in recorded_streams(connection) for one in recordings_of(connection, name).values()]
    return {f"{one.place}.{one.recording.kind}.mp4": one.recording.size_bytes for one in rows}
