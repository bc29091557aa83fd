"""Recording in tests: a folder as the store, a camera's packets into a recorder, and what is in the files then."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipelines.capture.registry import parse_source
from pipelines.capture.stream import StreamCapture
from pipelines.recording.segment_store import SegmentKind, WrittenSegment, boxes_path
from pipelines.recording.stream_recorder import StreamRecorder
from streamvision.core.analysis import Analysis, AnalyticsEvent
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.telemetry import DropCounter
from support.bar_codes import number_on
from support.rtsp_server import slices_hash


class FolderStore:
    """Puts files into one folder under their number, and keeps what it was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: list[WrittenSegment] = []
        self.begun: list[tuple[Path, float, SegmentKind]] = []
        self.events: list[tuple[float, float]] = []
        self.is_full = False
        self.asked_for_room = 0

    def begin(self, stream: str, start_unix_s: float, kind: SegmentKind) -> Path:
        path = self.folder / f"{stream}-{len(self.begun)}.{kind}.mp4"
        self.begun.append((path, start_unix_s, kind))
        return path

    def end(self, segment: WrittenSegment) -> None:
        self.written.append(segment)

    def note_event(self, stream: str, since_unix_s: float, until_unix_s: float) -> None:
        self.events.append((since_unix_s, until_unix_s))

    def full(self) -> bool:
        self.asked_for_room += 1
        return self.is_full


class RecordedCamera:
    """A camera, its capture and its recorder, without a network between; each frame is noted as having one object."""

    def __init__(self, url: str, store: FolderStore, **settings: Any) -> None:
        self.drops = DropCounter()
        self.frames: list[Frame] = []
        self.stream = StreamConfig(source=url)
        run = RecordingConfig.model_validate(settings)
        self.recorder = StreamRecorder("cam", run, self.stream, store)
        self.capture = StreamCapture(
            "cam",
            parse_source(url, policy=self.stream.policy),
            config=self.stream,
            on_ready=lambda: None,
            packets=self.recorder,
            patient=True,
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._note, daemon=True)

    @property
    def came(self) -> int:
        """How many frames it has sent, of which a busy machine may not have noted all."""
        return self.capture.frames_in

    def event(self, frame: Frame) -> None:
        """Say that something happened on a frame."""
        happened = AnalyticsEvent.__new__(AnalyticsEvent)  # only that there is one counts here
        self.recorder.note(result_of(frame, events=(happened,)), ("thing",))

    def set(self, **settings: Any) -> None:
        """Change what is set for the stream."""
        self.recorder.apply(StreamConfig.model_validate({"source": "x", "recording": settings}))

    def _note(self) -> None:
        while not self._over.is_set():
            frame = self.capture.buffer.get(0.1)
            if frame is not None:
                self.frames.append(frame)
                self.recorder.note(result_of(frame), ("thing",))

    def __enter__(self) -> RecordedCamera:
        self.recorder.start(self.drops)
        self.capture.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.capture.request_stop()
        self.capture.join(5.0)
        self._thread.join(60)
        self.recorder.close()


def result_of(frame: Frame, *, events: tuple[Any, ...] = ()) -> Result:
    """Return a result with one object, in the left top quarter of the picture."""
    right, bottom = frame.picture.width_px / 2, frame.picture.height_px / 2
    found = Detections(
        np.array([[0, 0, right, bottom]], np.float32), np.array([0.5], np.float32), np.array([0], np.int32)
    )
    return Result(frame, found, analysis=Analysis(events=events))


def pictures_of(path: Path) -> list[tuple[float, int]]:
    """Return the time and the number on each picture of a file."""
    with av.open(path) as container:
        return [(float(frame.time), number_on(frame)) for frame in container.decode(video=0)]


def packets_of(path: Path, kind: str) -> list[bytes]:
    """Return the packets of a file's pictures or sound."""
    with av.open(path) as container:
        streams = container.streams.video if kind == "video" else container.streams.audio
        return [bytes(packet) for packet in container.demux(streams[0]) if packet.size]


def hashes_of(path: Path) -> list[str]:
    """Return the hashes of a file's pictures, as the RTSP server writes them down."""
    return [slices_hash(data) for data in packets_of(path, "video")]


def sent(path: Path, kind: str) -> list[str]:
    """Return what an RTSP server wrote down of what it sent: hashes of pictures, or sound as hexadecimal digits."""
    return [line.split()[1] for line in path.read_text().splitlines() if line.startswith(kind)]


def boxes_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of the boxes beside a file, the head first."""
    return [json.loads(line) for line in boxes_path(path).read_text().splitlines()]


@contextmanager
def recorded(url: str, store: FolderStore, **settings: Any) -> Iterator[RecordedCamera]:
    """Record a camera for the length of the block."""
    with RecordedCamera(url, store, **settings) as camera:
        yield camera
