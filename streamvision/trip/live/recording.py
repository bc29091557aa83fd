"""Records a camera for a trip, beside the work on what is recorded already."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from pipelines.capture.registry import SOURCES, parse_source
from pipelines.capture.source import SourceSpec
from pipelines.capture.stream import StreamCapture
from pipelines.recording.stream_recorder import StreamRecorder
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.position import Fix
from streamvision.core.telemetry import DropCounter
from streamvision.gps.live.receiver import LivePosition
from streamvision.trip.live.clip_store import ClipStore, CompleteClips

STREAM = "camera"
JOIN_TIMEOUT_S = 5.0


class LiveRecording:
    """A camera whose packets become clips, not encoded again. Use it in a ``with`` block.

    A camera that goes away is waited for, and begins a new clip when it is back.

    Args:
        source: the camera.
        folder: where clips go.
        position: where fixes come from; ``None``: there are none.
        clip_s: how long a clip is, to the next key frame.

    Raises:
        StreamVisionError: when it is no camera, or the folder cannot be made.
    """

    def __init__(self, source: str, folder: Path, *, position: str | None, clip_s: float) -> None:
        spec = _camera(source)
        stream = StreamConfig(source=source)
        settings = RecordingConfig(mode="continuous", sound=False, segment_s=clip_s)
        self._position = LivePosition(position, on_fix=self._fix) if position is not None else None
        self._store = ClipStore(folder, self._position.source if self._position else "gpsd")
        self._recorder = StreamRecorder(STREAM, settings, stream, self._store)
        self._capture = StreamCapture(
            STREAM, spec, config=stream, on_ready=lambda: None, packets=self._recorder, patient=True
        )

    def __enter__(self) -> LiveRecording:
        self._recorder.start(DropCounter())
        if self._position is not None:
            self._position.start()
        self._capture.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def failure(self) -> str | None:
        """Why nothing comes any more, in one sentence; ``None`` while something may."""
        return self._capture.failure

    def complete(self) -> CompleteClips:
        """Return which clips are complete at this moment."""
        return self._store.complete()

    def close(self) -> None:
        """Finish the clip that is being written; calling it twice is harmless."""
        self._capture.request_stop()
        self._capture.join(JOIN_TIMEOUT_S)
        self._recorder.close()
        if self._position is not None:
            self._position.close()

    def _fix(self, fix: Fix, held_s: float) -> None:
        self._store.fix(fix, held_s)


def _camera(source: str) -> SourceSpec:
    spec = parse_source(source)
    if not (spec.live and spec.reconnects and SOURCES.get(spec.kind).has_packets):
        raise SourceError(
            f"--source {spec.safe_uri} gives no packets of a camera; give rtsp://CAMERA/..., or a folder of "
            "clips as DIR",
            permanent=True,
        )
    return spec
