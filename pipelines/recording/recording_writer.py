"""Decides what of a stream is recorded: where files begin and end, what came before an event, what a full disk means.

A file begins and ends with a key frame. It ends where it is long enough, where an event is over, where the connection
breaks, and where the camera changes how it codes.
"""

from __future__ import annotations

import errno
import logging
from collections import deque
from collections.abc import Callable

from pipelines.capture.packets import EncodedPacket, EncodedTrack
from pipelines.recording.boxes_file import FoundObjects
from pipelines.recording.parameter_sets import parameters, stored_parameters
from pipelines.recording.ring import PacketRing
from pipelines.recording.segment_file import described, described_sound
from pipelines.recording.segment_store import SegmentKind, SegmentStore, WrittenSegment
from pipelines.recording.segment_writer import SegmentWriter, unix_s
from pipelines.recording.stamps import Stamps
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.errors import OutputError, StreamVisionError
from streamvision.core.telemetry import DropCounter

log = logging.getLogger(__name__)

FAILING = "failing"
"""Cause under which pictures are counted that came while nothing could be written."""
_RETRY_S = 5.0
_LATE_S = 10.0
"""What was found on a frame comes so much after its packet at most; events, too."""
_LONGEST_GROUP_S = 30.0
"""So far apart key frames are, at most, where what came before an event has its boxes, too."""
_SOUND_WAIT_S = 2.0
"""So long a file waits for the first sound of a connection that has some: its header is written with it."""
_SILENT_S = 5.0
"""A camera that has sent no sound for so long is recorded without from the next file on."""
_MOST_FOUND = 8000
_EVENT_STEP_S = 1.0
"""The store is not told of each frame by which an event grows longer."""
_LONGEST_SILENT_GROUP_S = 600.0
"""A file is ended where no key frame comes for so long: it would pass every bound, since none else ends it."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class RecordingWriter:
    """Writes what is recorded of one stream; one thread uses it, but for :meth:`report`.

    Args:
        stream_id: the stream.
        settings: what is set for it.
        store: where files lie.
        drops: where pictures are counted that were not written.
    """

    def __init__(self, stream_id: str, settings: RecordingConfig, store: SegmentStore, drops: DropCounter) -> None:
        self.drops = drops
        """Where pictures are counted that were not written."""
        self._stream = stream_id
        self._settings = settings
        self._store = store
        self._tracks: tuple[EncodedTrack, ...] = ()
        self._stamps: list[Stamps] = []
        self._ring = PacketRing(int(settings.ring_mb * 1_000_000))
        self._unsafe = PacketRing(self._ring.max_bytes)
        self._keys_at_s = (float("-inf"), float("-inf"))
        self._heard_at_s: float | None = None
        self._sound_due_s: float | None = None  # until then all waits in the ring for the first sound
        self._is_new = True
        self._segment: SegmentWriter | None = None
        self._parameters = b""
        self._ended: SegmentWriter | None = None
        self._found: deque[FoundObjects] = deque(maxlen=_MOST_FOUND)
        self._until_s = float("-inf")
        self._noted_s = (float("inf"), float("-inf"))
        self._retry_at_s = float("-inf")
        self._recovered_from_s = float("-inf")
        self._reason = ""

    def report(self) -> tuple[str, str]:
        """Return whether it is writing or failing, and why in words."""
        return ("failing", self._reason) if self._reason else ("writing", "")

    def begin(self, tracks: tuple[EncodedTrack, ...]) -> None:
        """Take note of a connection and those of its tracks that can be recorded."""
        self.interrupt()
        self._tracks = tracks
        self._stamps = [Stamps(track.time_base) for track in tracks]
        self._heard_at_s = self._sound_due_s = None
        self._is_new = True

    def interrupt(self) -> None:
        """End the file, since packets are missing from here on."""
        for stamps in self._stamps:
            for packet in stamps.flush():
                self._place(packet)
        if self._sound_due_s is not None:
            self._wait_no_longer()
        self._end_segment(None)
        self._ring.clear()

    def packet(self, packet: EncodedPacket) -> None:
        """Take the next packet of the connection."""
        if packet.track >= len(self._tracks) or self._settings.mode == "off":
            return
        if self._is_new and len(self._tracks) > 1 and self._settings.sound:
            self._sound_due_s = packet.arrived_at_s + _SOUND_WAIT_S
        self._is_new = False
        if packet.track:
            self._hear(packet)
        if self._sound_due_s is not None and (packet.track or packet.arrived_at_s >= self._sound_due_s):
            self._wait_no_longer()
        for ready in self._stamps[packet.track].put(packet):
            self._place(ready)

    def found(self, found: FoundObjects) -> None:
        """Take what was found on a frame."""
        self._found.append(found)
        oldest_s = found.captured_at_s - self._settings.pre_s - _LONGEST_GROUP_S
        while self._found[0].captured_at_s < oldest_s:
            self._found.popleft()
        for segment in (self._segment, self._ended):
            if segment is not None and _belongs(found, segment):
                segment.note(found)
                return

    def event(self, at_s: float) -> None:
        """Take note that something happened on the frame that arrived then."""
        settings = self._settings
        since_s, until_s = at_s - settings.pre_s, at_s + settings.post_s
        self._until_s = max(self._until_s, until_s)
        if settings.mode == "events" and self._segment is None:
            for packet in self._ring.take_since(since_s):
                self._place(packet)
        self._tell_event(since_s, until_s)

    def apply(self, settings: RecordingConfig) -> None:
        """Change what is set, from the next key frame on; where nothing is to be recorded any more, at once."""
        self._settings = settings
        self._ring.max_bytes = self._unsafe.max_bytes = int(settings.ring_mb * 1_000_000)
        if settings.mode == "off":
            self._end_segment(None)
            self._ring.clear()
            self._found.clear()
            self._reason = ""
            self._sound_due_s = None
            self._stamps = [Stamps(track.time_base) for track in self._tracks]

    def tick(self, now_s: float) -> None:
        """Finish what waits for the last boxes."""
        ended = self._ended
        if ended is not None and ended.end_at_s is not None and now_s - ended.end_at_s > _LATE_S:
            ended.close_boxes()
            self._ended = None

    def finish(self) -> None:
        """Finish everything."""
        self.interrupt()
        if self._ended is not None:
            self._ended.close_boxes()
            self._ended = None

    def _place(self, packet: EncodedPacket) -> None:
        """Write a packet, or keep it for what may yet happen."""
        is_key = packet.track == 0 and packet.is_key
        if self._sound_due_s is not None:
            self._ring.add(packet, keep_since_s=packet.arrived_at_s - self._settings.pre_s - _LATE_S)
            return
        if is_key and self._segment is not None and self._ends_at(packet, self._segment):
            self._end_segment(packet.arrived_at_s)
        if is_key and self._segment is None and self._is_wanted(packet):
            self._begin_segment(packet)
        if self._segment is not None:
            self._write(packet)
        elif self._settings.mode == "events":
            self._ring.add(packet, keep_since_s=packet.arrived_at_s - self._settings.pre_s - _LATE_S)
        elif packet.track == 0 and self._reason:
            self.drops.add(FAILING)

    def _is_wanted(self, key: EncodedPacket) -> bool:
        if key.arrived_at_s < self._retry_at_s:
            return False
        return self._settings.mode == "continuous" or key.arrived_at_s <= self._until_s

    def _ends_at(self, key: EncodedPacket, segment: SegmentWriter) -> bool:
        if key.arrived_at_s - segment.start_at_s >= self._settings.segment_s or not self._is_wanted(key):
            return True
        said = parameters(self._tracks[0].codec, key.data)
        return (bool(said) and said != self._parameters) or len(segment.tracks) != 1 + len(self._sound(key))

    def _sound(self, key: EncodedPacket) -> list[EncodedTrack]:
        """Return the track of sound where it is to be recorded, enough is known of it, and there is some.

        A file whose header names sound that never comes would be written at its end only.
        """
        heard_at_s = self._heard_at_s
        if not self._settings.sound or heard_at_s is None or key.arrived_at_s - heard_at_s > _SILENT_S:
            return []
        return [one for one in self._tracks[1:] if one.codec != "aac" or one.extradata]

    def _wait_no_longer(self) -> None:
        """Place what waited for the first sound of the connection."""
        self._sound_due_s = None
        for packet in self._ring.take_since(float("-inf")):
            self._place(packet)

    def _hear(self, packet: EncodedPacket) -> None:
        """Take note of sound, and of what its packet says of its form."""
        self._heard_at_s = packet.arrived_at_s
        video, sound = self._tracks
        if not sound.extradata:
            self._tracks = video, described_sound(sound, packet.data)

    def _begin_segment(self, key: EncodedPacket) -> None:
        video = described(self._tracks[0], key.data)
        if video is None:
            return
        tracks = [video, *self._sound(key)]
        start_unix_s = unix_s(key.arrived_at_s)
        kind: SegmentKind = "event" if key.arrived_at_s <= self._until_s else "continuous"
        try:
            path = self._store.begin(self._stream, start_unix_s, kind)
            self._segment = SegmentWriter(path, self._stream, start_unix_s, tracks, key)
        except StreamVisionError as error:
            self._fail(error, key.arrived_at_s)
            return
        self._parameters = parameters(video.codec, key.data) or stored_parameters(video.codec, video.extradata)
        self._unsafe.clear()
        self._keys_at_s = (key.arrived_at_s, key.arrived_at_s)
        for found in self._found:
            if found.captured_at_s >= key.arrived_at_s:
                self._segment.note(found)

    def _write(self, packet: EncodedPacket) -> None:
        segment = self._segment
        assert segment is not None
        if packet.track == 0 and packet.is_key:
            self._keys_at_s = self._keys_at_s[1], packet.arrived_at_s
        elif packet.arrived_at_s - self._keys_at_s[1] > _LONGEST_SILENT_GROUP_S:
            self._end_for_want_of_a_key(packet)
            return
        self._unsafe.add(packet, keep_since_s=self._keys_at_s[0])
        try:
            segment.write(packet)
        except OutputError as error:
            self._recover(error, segment, packet.arrived_at_s)
            return
        if self._reason and packet.arrived_at_s - self._retry_at_s > _RETRY_S:  # whatever the length of files
            log.warning("stream %s: is recorded again", self._stream)
            self._reason = ""

    def _recover(self, error: OutputError, segment: SegmentWriter, now_s: float) -> None:
        """Keep what is whole of a file that cannot be written on, and go on in another where there is room again."""
        unsafe = list(self._unsafe.take_since(float("-inf")))
        unsafe_since_s = unsafe[0].arrived_at_s if unsafe else now_s  # none where a group was too large to be kept
        self._segment = None
        self._follow(segment)
        self._tell(lambda: segment.cut(unsafe_since_s))
        is_full = isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL
        if not is_full or not unsafe or unsafe_since_s <= self._recovered_from_s or self._store.full():
            self._fail(error, now_s)
            self.drops.add(FAILING, sum(packet.track == 0 for packet in unsafe))
            return
        log.warning("stream %s: %s; room was made, and nothing is lost", self._stream, error)
        self._recovered_from_s = unsafe_since_s  # from there once only
        for packet in unsafe:
            self._place(packet)

    def _end_for_want_of_a_key(self, packet: EncodedPacket) -> None:
        """End a file that no key frame ends; none begins before the next one."""
        self._end_segment(packet.arrived_at_s)
        self.drops.add(FAILING, packet.track == 0)
        minutes = _LONGEST_SILENT_GROUP_S / 60
        self._fail(
            OutputError(
                f"the camera has sent no key frame for {minutes:g} minutes, and a file begins with one; set its key "
                "frame interval to some seconds"
            ),
            packet.arrived_at_s,
        )

    def _end_segment(self, next_at_s: float | None) -> None:
        """End the file, at a key frame that arrived then or where nothing follows."""
        segment, self._segment = self._segment, None
        if segment is None:
            return
        self._follow(segment)
        try:
            written = segment.close(next_at_s)
        except OutputError as error:
            self._recover(error, segment, segment.start_at_s if next_at_s is None else next_at_s)
            self._end_segment(next_at_s)
            return
        self._tell(lambda: written)

    def _follow(self, segment: SegmentWriter) -> None:
        """Keep the boxes of a file open for those that come late."""
        if self._ended is not None:
            self._ended.close_boxes()
        self._ended = segment

    def _tell(self, written: Callable[[], WrittenSegment]) -> None:
        try:
            self._store.end(written())
        except StreamVisionError as error:
            log.warning("stream %s: %s", self._stream, error)

    def _tell_event(self, since_s: float, until_s: float) -> None:
        noted_since_s, noted_until_s = self._noted_s
        if noted_since_s <= since_s <= noted_until_s and until_s <= noted_until_s:
            return
        until_s += _EVENT_STEP_S
        self._noted_s = since_s, until_s
        try:
            self._store.note_event(self._stream, unix_s(since_s), unix_s(until_s))
        except StreamVisionError as error:
            log.warning("stream %s: %s", self._stream, error)

    def _fail(self, error: StreamVisionError, now_s: float) -> None:
        self._retry_at_s = now_s + _RETRY_S
        if str(error) != self._reason:
            log.warning("stream %s: %s", self._stream, error)
        self._reason = str(error)


def _belongs(found: FoundObjects, segment: SegmentWriter) -> bool:
    begins = segment.start_at_s <= found.captured_at_s
    return begins and (segment.end_at_s is None or found.captured_at_s < segment.end_at_s)
