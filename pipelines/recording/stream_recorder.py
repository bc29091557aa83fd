"""Records one stream: takes its packets and what was found on its frames, and hands both to a writer thread."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from pipelines.capture.packets import EncodedPacket, EncodedTrack
from pipelines.capture.source import Captured
from pipelines.recording.boxes_file import FoundObjects
from pipelines.recording.packet_queue import Gap, PacketQueue
from pipelines.recording.recording_writer import RecordingWriter
from pipelines.recording.segment_file import recordable
from pipelines.recording.segment_store import SegmentStore
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import OutputError
from streamvision.core.frame import Result
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 2.0
"""Longest wait for a disk at the end of a stream."""
_POLL_S = 0.5
_MB = 1_000_000
_WITHOUT_PACKETS = (
    "it is not recorded, since only cameras and streams over the network give their own packets; files, pictures, "
    "gst: and synthetic: do not"
)


@dataclass(frozen=True)
class _Begin:
    tracks: tuple[EncodedTrack, ...]


@dataclass(frozen=True)
class _End:
    pass


@dataclass(frozen=True)
class _Event:
    at_s: float


class StreamRecorder:
    """Of one stream, from its first connection to its end; a :class:`pipelines.capture.packets.PacketListener`.

    Args:
        stream_id: the stream.
        run: what is set for the run.
        stream: what is set for the stream.
        store: where recorded files lie.
    """

    def __init__(self, stream_id: str, run: RecordingConfig, stream: StreamConfig, store: SegmentStore) -> None:
        self.stream_id = stream_id
        """The stream."""
        self._run = run
        self._own = stream.recording
        self._settings = run.of_stream(stream.recording)
        self._drops = DropCounter()
        self._queue = PacketQueue(int(self._settings.ring_mb * _MB), self._drops)
        self._writer = RecordingWriter(stream_id, self._settings, store, self._drops)
        self._thread: threading.Thread | None = None
        self._is_on = self._settings.mode != "off"
        self._has_connection = False
        self._sees_frames = False
        self._unsuited = ""
        self._reason = ""
        self._died = False

    # --- on the capture thread --------------------------------------------------------------------------------------

    @property
    def wants_packets(self) -> bool:
        """Whether something is to be recorded, and can be."""
        return self._is_on and not self._unsuited

    @property
    def wants_sound(self) -> bool:
        """Whether sound is to be asked for at the next connection."""
        return self._is_on and self._settings.sound

    def begin(self, tracks: tuple[EncodedTrack, ...]) -> None:
        """Take note of a connection and its tracks."""
        self._has_connection = True
        self._unsuited = ""
        recorded: tuple[EncodedTrack, ...] = ()
        try:
            recorded = recordable(tracks)
        except OutputError as error:
            self._unsuited = str(error)
        if self._is_on and len(recorded) < len(tracks):
            what = self._unsuited or f"its sound is {tracks[-1].codec}, which is not recorded"
            log.warning("stream %s: %s", self.stream_id, what)
        self._queue.put(_Begin(recorded))

    def take(self, packet: EncodedPacket) -> None:
        """Take the next packet."""
        self._queue.put_packet(packet)

    def handed_on(self, captured: Captured, *, is_paced: bool) -> None:
        """Pictures are not recorded."""

    def end(self) -> None:
        """Take note that the connection ended."""
        self._queue.put(_End())

    # --- from other threads -----------------------------------------------------------------------------------------

    def start(self, drops: DropCounter) -> None:
        """Start the writer; pictures that are lost are counted in ``drops``."""
        self._drops = self._queue.drops = self._writer.drops = drops
        self._thread = threading.Thread(target=self._work, name=f"recording-{self.stream_id}", daemon=True)
        self._thread.start()

    def apply(self, stream: StreamConfig) -> None:
        """Change what is set for the stream; sound that was not asked for comes with the next connection only."""
        self._own = stream.recording
        self._resolve()

    def configure(self, run: RecordingConfig) -> None:
        """Change what is set for the run."""
        self._run = run
        self._resolve()

    def note(self, result: Result, names: tuple[str, ...]) -> None:
        """Take what was found on a frame, and what happened."""
        self._sees_frames = True
        if not self._is_on:
            return
        self._queue.put_if_room(FoundObjects.of(result, names))
        if result.analysis is not None and result.analysis.events:
            self._queue.put(_Event(result.frame.captured_at_s))

    def close(self) -> None:
        """Finish what was begun, as far as the disk allows within two seconds; calling it twice is harmless."""
        self._is_on = False
        self._queue.close()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
            if self._thread.is_alive():
                log.warning("stream %s: the end of its recording may be lost, since the disk hangs", self.stream_id)

    def report(self) -> tuple[str, str]:
        """Return how it is doing, writing, failing or off, and why in words."""
        if self._died:
            return "failing", self._reason
        if not self._is_on:
            return "off", ""
        if not self._has_connection:
            return "off", _WITHOUT_PACKETS if self._sees_frames else ""
        return ("off", self._unsuited) if self._unsuited else self._writer.report()

    def _resolve(self) -> None:
        settings = self._run.of_stream(self._own)
        if settings == self._settings:
            return
        self._settings = settings
        self._queue.max_bytes = int(settings.ring_mb * _MB)
        self._queue.put(settings)
        self._is_on = settings.mode != "off"

    # --- on its own thread ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self._queue.over:
                item = self._queue.get(_POLL_S)
                self._handle(item)
        except Exception as error:
            log.exception("stream %s: its recording", self.stream_id)
            self._reason, self._died = f"the recording failed: {error!r}", True
            self._is_on = False
            self._queue.close()
        finally:
            try:
                self._writer.finish()
            except OutputError as error:
                log.warning("stream %s: %s", self.stream_id, error)

    def _handle(self, item: object) -> None:
        writer = self._writer
        if isinstance(item, EncodedPacket):
            writer.packet(item)
        elif isinstance(item, FoundObjects):
            writer.found(item)
        elif isinstance(item, _Event):
            writer.event(item.at_s)
        elif isinstance(item, _Begin):
            writer.begin(item.tracks)
        elif isinstance(item, (_End, Gap)):
            writer.interrupt()
        elif isinstance(item, RecordingConfig):
            writer.apply(item)
        writer.tick(time.monotonic())
