"""One stream's capture: a thread that opens the source, decodes it, and opens it again when it breaks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pipelines.capture.packets import PacketListener
from pipelines.capture.reconnect import Backoff, after_refusal, is_reachable
from pipelines.capture.registry import create_reader
from pipelines.capture.source import NOT_YET, Captured, Reader, SourceSpec
from pipelines.capture.timing import Pacer, StreamTimeline, span_text
from pipelines.capture.wall_clock import arrival_time
from pipelines.scheduling.frame_buffer import frame_buffer
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import (
    SourceAbsentError,
    SourceError,
    SourceRefusedError,
    SourceStalledError,
    StreamVisionError,
)
from streamvision.core.frame import Frame
from streamvision.core.heap import give_back_free_memory
from streamvision.core.position import Position
from streamvision.core.redaction import redact_outside
from streamvision.core.stream_state import StateMachine, StreamState
from streamvision.core.telemetry import DropCounter, StageTimes

log = logging.getLogger(__name__)

PROBE_EVERY_S = 0.8
"""With it a server that is back is noticed in time to be live within two seconds."""
PROBE_TIMEOUT_S = 0.5
PositionAt = Callable[[float], Position | None]
"""Says where this machine was at a moment on ``time.monotonic()``; ``None`` where nobody knows."""


class StreamCapture:
    """Decodes one source into :attr:`buffer`, for ever or to its end. A fault of one stream touches no other."""

    def __init__(
        self,
        stream_id: str,
        spec: SourceSpec,
        *,
        config: StreamConfig,
        on_ready: Callable[[], None],
        max_frames: int | None = None,
        times: StageTimes | None = None,
        patient: bool = False,
        packets: PacketListener | None = None,
        position_at: PositionAt | None = None,
    ) -> None:
        """Prepare; ``on_ready`` is called from the capture thread after each frame and when the stream is over.

        A ``patient`` one waits for a path or a camera that is not there yet, and for a password that is refused.
        The ``decode`` of files is recorded in ``times``; of live sources it would be their silence, too.
        ``packets`` is told of the encoded packets, where the source has any. ``position_at`` is asked where a live
        source was, where it does not say so itself.
        """
        self.stream_id = stream_id
        self.spec = spec
        self.state = StateMachine()
        self.drops = DropCounter()
        """Frames lost, by cause; docs/web-api.md lists them."""
        self._lost = DropCounter(within=self.drops)
        self._handed_on = 0
        self.reconnects = 0
        """How often the source was opened again."""
        self.failure: str | None = None
        """Why the stream failed for good, in one sentence."""
        self.buffer = frame_buffer(live=spec.live, drops=self.drops, on_put=on_ready)
        """Frames that wait for the network."""
        self._config = config
        self._on_ready = on_ready
        self._max_frames = max_frames
        self._times = None if spec.live or spec.realtime else times
        self._patient = patient
        self._packets = packets
        self._position_at = position_at if spec.live else None
        self._expected: int | None = None
        self._stop = threading.Event()
        self._timeline = StreamTimeline(stream_id)
        self._backoff = Backoff()
        self._refusals = after_refusal(worked_before=False)
        self._faulty_since_s: float | None = None
        self._delay_s = 0.0
        self._refused = False
        self._segment = 0
        self._size: tuple[int, int] | None = None
        self._live_since_s: float | None = None
        self._over = False
        self._thread = threading.Thread(target=self._run, name=f"capture-{stream_id}", daemon=True)

    @property
    def frames_in(self) -> int:
        """Frames that the source had: those decoded, and those that its reader lost."""
        return self._handed_on + self._lost.total

    @property
    def expected_frames(self) -> int | None:
        """How many frames will come in all; ``None`` where nobody knows."""
        if self._expected is None or self._max_frames is None:
            return self._expected
        return min(self._expected, self._max_frames)

    @property
    def finished(self) -> bool:
        """Whether no frame is left and none will come."""
        return self._over and not len(self.buffer)

    def start(self) -> None:
        """Start the capture thread."""
        if self.state.state is StreamState.IDLE:
            self.state.move(StreamState.CONNECTING)
            self._thread.start()

    def request_stop(self) -> None:
        """Ask the thread to end and let go of waiting frames; returns at once, legal in every state."""
        self._halt(StreamState.STOPPED)

    def give_up(self, reason: str) -> None:
        """End for a fault that lies elsewhere, in words; returns at once, as :meth:`request_stop` does."""
        self._halt(StreamState.FAILED, reason)

    def _halt(self, state: StreamState, reason: str = "") -> None:
        self.state.move(state, reason)  # before the thread can see the stop and take it for an end
        self._stop.set()
        self.buffer.close(discard=True)
        self._over = True
        self._on_ready()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread after :meth:`request_stop`, at most ``timeout_s``.

        A thread that is blocked in a connection attempt is left behind: its own timeouts end it, and nothing that it
        brings is taken any more.
        """
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and self._play():
                self._wait_before_reconnect()
        except Exception as error:
            log.exception("stream %s", self.stream_id)
            self._fail(redact_outside(f"capture failed: {error!r}"))
        finally:
            self._over = True
            self._on_ready()

    def _play(self) -> bool:
        """Read the source, again and again where it loops, until it ends or breaks; return whether to try again."""
        self._live_since_s = None
        try:
            self._read_once()
            while self._begins_again():
                self._timeline.reconnected()
                self._live_since_s = None
                self._read_once()
        except SourceStalledError as error:
            return self._broken(error, StreamState.STALLED)
        except StreamVisionError as error:
            return self._broken(error, StreamState.RECONNECTING)
        except Exception as error:
            log.exception("stream %s", self.stream_id)
            fault = SourceError(redact_outside(f"capture failed: {error!r}"), permanent=True)
            return self._broken(fault, StreamState.RECONNECTING)
        self.state.move(StreamState.ENDED)
        return False

    def _read_once(self) -> None:
        """Open the source and hand on all that it has."""
        reader = create_reader(self.spec, config=self._config, drops=self._lost, packets=self._packets)
        try:
            reader.open()
            self._expected = None if self._config.loop else reader.expected_frames
            self._read_all(reader)
        finally:
            reader.close()

    def _begins_again(self) -> bool:
        """Say whether a source that ended well is to be played once more; one without a frame is not."""
        full = self._max_frames is not None and self._handed_on >= self._max_frames
        return self._config.loop and self._live_since_s is not None and not full and not self._stop.is_set()

    def _read_all(self, reader: Reader) -> None:
        """Hand on every frame until the source ends, the limit is reached or the stream is stopped."""
        pacer = Pacer()
        while not self._stop.is_set():
            begin_s = time.perf_counter()
            captured = reader.read()
            if captured is NOT_YET:
                continue
            if self._times is not None:
                self._times.add("decode", time.perf_counter() - begin_s)
            if captured is None:
                if self._live_since_s is None and self.state.state is StreamState.RECONNECTING:
                    raise SourceError(f"{self.spec.safe_uri} ended before its first frame")
                return
            paced = reader.paced
            pts_s = self._timeline.stream_pts_s(
                captured.pts_s, captured.captured_at_s, live=self.spec.live or paced, read_ahead=paced
            )
            if paced:
                self._wait_until_due(pacer.due_in_s(pts_s))
                if not self.spec.reconnects:
                    captured = captured._replace(captured_at_s=time.monotonic())
            if self._packets is not None:
                self._packets.handed_on(captured, is_paced=paced)
            self._hand_on(captured, pts_s)
            if self._max_frames is not None and self._handed_on >= self._max_frames:
                return

    def _wait_until_due(self, due_in_s: float) -> None:
        """Wait for a frame's own time; a wait as long as a stall is shown as one."""
        long = due_in_s > self._config.read_timeout_s and self.state.state is StreamState.LIVE
        if long:
            self.state.move(
                StreamState.STALLED, f"the next frame is {span_text(due_in_s)} later in the source's own time"
            )
        self._stop.wait(due_in_s)
        if long:
            self.state.move(StreamState.LIVE)

    def _hand_on(self, captured: Captured, pts_s: float) -> None:
        size = (captured.picture.width_px, captured.picture.height_px)
        new_connection = self._live_since_s is None
        if self._size is not None and (new_connection or captured.begins_anew or size != self._size):
            self._segment += 1
        if new_connection:
            self._live_since_s = time.monotonic()
            self._refusals = after_refusal(worked_before=True)
            self.state.move(StreamState.LIVE)
            self._say_back()
        if self._size is not None and size != self._size:
            log.debug("stream %s: the picture is now %dx%d", self.stream_id, *size)
        self._size = size
        frame = Frame(
            stream_id=self.stream_id,
            index=self._handed_on,
            pts_s=pts_s,
            captured_at_s=captured.captured_at_s,
            picture=captured.picture,
            segment=self._segment,
            place=captured.place,
            position=self._position(captured),
            wall_time=captured.wall_time or (arrival_time(captured.captured_at_s) if self.spec.live else None),
            packet=captured.packet,
        )
        self._handed_on += 1
        if not self.buffer.put(frame, give_up=self._stop.is_set):
            self.drops.add("stopped")

    def _position(self, captured: Captured) -> Position | None:
        if captured.position is not None or self._position_at is None:
            return captured.position
        return self._position_at(captured.captured_at_s)

    def _broken(self, error: StreamVisionError, state: StreamState) -> bool:
        """Note a fault; return whether the source is worth another try."""
        reason = str(error)
        if self._stop.is_set():
            return False
        if not self.spec.reconnects or not self._may_heal(error):
            self._fail(reason)
            return False
        if self._live_since_s is not None:
            self._backoff.note_live(time.monotonic() - self._live_since_s)
        if self._faulty_since_s is None:
            self._faulty_since_s = time.monotonic()
        self._refused = isinstance(error, SourceRefusedError)
        self._delay_s = (self._refusals if self._refused else self._backoff).next_delay_s()
        log.warning("stream %s: %s; tried again in %.1f s", self.stream_id, reason, self._delay_s)
        stalled = state is StreamState.STALLED and self.state.state is StreamState.LIVE
        self.state.move(state if stalled else StreamState.RECONNECTING, reason)
        return True

    def _may_heal(self, error: StreamVisionError) -> bool:
        if isinstance(error, SourceError) and not error.permanent:
            return True
        may_come = self._patient and isinstance(error, (SourceAbsentError, SourceRefusedError))
        return self._size is not None or may_come

    def _say_back(self) -> None:
        if self._faulty_since_s is not None:
            away_s = time.monotonic() - self._faulty_since_s
            log.warning("stream %s: is back after %.1f s", self.stream_id, away_s)
        self._faulty_since_s = None

    def _fail(self, reason: str) -> None:
        self.state.move(StreamState.FAILED, reason)  # first, so that whoever sees the failure sees that it is over
        self.failure = f"stream {self.stream_id}: {reason}"
        log.info("%s", self.failure)  # the pipeline's owner reports it

    def _wait_before_reconnect(self) -> None:
        """Wait as long as the fault asks for, or until a server that refused connections accepts them again."""
        if self._live_since_s is not None:
            give_back_free_memory()
        _, reason, _ = self.state.snapshot()
        deadline_s = time.monotonic() + self._delay_s
        was_unreachable = False
        while not self._stop.is_set() and (left_s := deadline_s - time.monotonic()) > 0:
            if left_s > PROBE_EVERY_S and not self._refused:
                reachable = is_reachable(self.spec, timeout_s=PROBE_TIMEOUT_S)
                if reachable and was_unreachable:
                    self._backoff.reset()
                    break
                was_unreachable = reachable is False
            self._stop.wait(min(left_s, PROBE_EVERY_S))
        if not self._stop.is_set():
            self.reconnects += 1
            self._timeline.reconnected()
            self.state.move(StreamState.RECONNECTING, reason)
