"""A GStreamer pipeline, for cameras and decoders that FFmpeg does not know, and for the lowest latency."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.capture.silence import SilenceLimit
from pipelines.capture.source import Captured, Policy, SourceKind, SourceSpec, url_endpoint
from pipelines.capture.timing import CaptureClock, MonotonicPts
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import (
    MissingDependencyError,
    SourceAbsentError,
    SourceError,
    SourceRefusedError,
    SourceStalledError,
)
from streamvision.core.picture import BgrPicture, Picture, YuvPicture
from streamvision.core.redaction import redact_outside
from streamvision.core.telemetry import DropCounter

INSTALL = "apt-get install python3-gst-1.0 gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-good gstreamer1.0-libav"
_COUNTER = "streamvision_counter"
COUNT = f"identity name={_COUNTER} silent=true ! "
"""Counts in C what reaches the sink, which does not say what it drops."""
LIVE_SINK = f"videoconvert ! video/x-raw,format=I420 ! {COUNT}appsink sync=false drop=true max-buffers=1"
FILE_SINK = "videoconvert ! video/x-raw,format=I420 ! appsink sync=false drop=false max-buffers=4"
COUNT_EVERY_S = 1.0
POLL_S = 0.1
"""rtspsrc says nothing for 26 s when its server freezes, so silence is looked for this often beside the bus."""
DEFAULT_FPS = 25.0
_BEGINNING = threading.Lock()
"""Neither PyGObject's import of a library nor GStreamer's start may run in two threads at a time."""

_FULL_RANGE = 1
"""GST_VIDEO_COLOR_RANGE_0_255, whose name Python cannot spell."""


def _parse(text: str, policy: Policy, realtime: bool) -> SourceSpec | None:
    scheme, separator, pipeline = text.partition(":")
    if scheme.lower() != "gst" or not separator:
        return None
    pipeline = pipeline.strip()
    if not pipeline:
        raise ValueError("is an empty GStreamer pipeline")
    return SourceSpec(
        kind="gstreamer",
        uri=pipeline,
        text=text,
        name="gst",
        live=policy != "file",
        reconnects=True,
        endpoint=url_endpoint(pipeline),
    )


GSTREAMER = SourceKind(
    name="gstreamer",
    summary="GStreamer pipeline",
    accepts="gst:PIPELINE",
    example="gst:v4l2src ! jpegdec",
    factory="pipelines.capture.gstreamer_reader:GStreamerReader",
    parse=_parse,
)


class GStreamerReader:
    """One running pipeline; a string without an appsink gets one behind a conversion to I420."""

    def __init__(self, spec: SourceSpec, *, config: StreamConfig, drops: DropCounter) -> None:
        """Prepare; ``drops`` counts ``appsink``: frames that the sink threw away for newer ones."""
        self.expected_frames: int | None = None  # pipelines do not say
        self.paced = False  # a pipeline sets its own pace: end it in "appsink sync=true" where it must be real time
        self._spec = spec
        self._config = config
        self._gst: Any = None
        self._video: Any = None
        self._pipeline: Any = None
        self._sink: Any = None
        self._is_live = False
        self._started = False
        self._silence = SilenceLimit(config.read_timeout_s)
        self._drops = drops
        self._counter: Any = None
        self._room = 0
        self._pulled = 0
        self._dropped = 0
        self._counted_at_s = 0.0
        self._pts = MonotonicPts(1 / DEFAULT_FPS)
        self._clock = CaptureClock()

    def open(self) -> None:
        """Build the pipeline and start it."""
        self._gst, self._video = _import_gstreamer()
        gst = self._gst
        text = re.sub(r"!\s*(?=appsink\b[^!]*$)", f"! {COUNT}", self._spec.uri)
        if not re.search(r"\bappsink\b[^!]*$", text):
            text = f"{text} ! {LIVE_SINK if self._spec.live else FILE_SINK}"
        try:
            self._pipeline = gst.parse_launch(text)
        except Exception as error:  # GLib.Error, which is known only once gi is imported
            message = redact_outside(str(getattr(error, "message", error)))
            raise SourceError(f"{self._spec.safe_uri} is no working pipeline: {message}", permanent=True) from None
        self._sink = self._find_sink()
        if self._sink.get_property("drop"):
            self._counter = self._pipeline.get_by_name(_COUNTER)
            self._room = self._sink.get_property("max-buffers")
        change = self._pipeline.set_state(gst.State.PLAYING)
        if change == gst.StateChangeReturn.FAILURE:
            raise self._bus_error() or SourceError(f"{self._spec.safe_uri} does not start")
        self._is_live = change == gst.StateChangeReturn.NO_PREROLL

    def read(self) -> Captured | None:
        """Return the next picture."""
        begin_s = time.monotonic()
        while True:
            sample = self._sink.try_pull_sample(int(POLL_S * self._gst.SECOND))
            if sample is not None:
                break
            if error := self._bus_error():
                raise error
            if self._sink.is_eos():
                self._count_dropped(waiting=0)
                if self._is_live:
                    raise SourceError(f"{self._spec.safe_uri} ended: its source is gone")
                return None
            self._check_silence(time.monotonic() - begin_s)
        now_s = time.monotonic()
        self._started = True
        self._silence.arrived(now_s)
        self._pulled += 1
        if now_s - self._counted_at_s >= COUNT_EVERY_S:
            self._count_dropped(waiting=self._room)
            self._counted_at_s = now_s
        buffer = sample.get_buffer()
        raw_s = None if buffer.pts == self._gst.CLOCK_TIME_NONE else buffer.pts / self._gst.SECOND
        captured_at_s = now_s
        if raw_s is not None and self._spec.live:
            captured_at_s = self._clock.captured_at_s(raw_s, now_s)
        return Captured(self._picture(sample, buffer), self._pts.next_s(raw_s), captured_at_s)

    def close(self) -> None:
        """Stop the pipeline and let go of it."""
        if self._pipeline is not None:
            self._count_dropped(waiting=self._room)
            self._pipeline.set_state(self._gst.State.NULL)
            self._pipeline = self._sink = self._counter = None

    def _check_silence(self, silent_s: float) -> None:
        shown = self._spec.safe_uri
        if not self._started and silent_s >= self._config.open_timeout_s:
            raise SourceStalledError(f"{shown} has sent nothing for {self._config.open_timeout_s:g} s")
        if self._started and silent_s >= self._silence.limit_s:
            raise SourceStalledError(self._silence.sentence(shown))

    def _count_dropped(self, *, waiting: int) -> None:
        """Count what the sink has dropped since the last time, given how many frames may still wait in it."""
        if self._counter is None:
            return
        _, arrived = self._counter.get_property("stats").get_uint64("num-buffers")
        dropped = arrived - self._pulled - waiting
        if dropped > self._dropped:
            self._drops.add("appsink", dropped - self._dropped)
            self._dropped = dropped

    def _find_sink(self) -> Any:
        sinks = self._pipeline.iterate_sinks()
        while True:
            found, element = sinks.next()
            if found != self._gst.IteratorResult.OK:
                raise SourceError(
                    f"{self._spec.safe_uri} has no appsink at its end; leave the sink out", permanent=True
                )
            if element.get_factory().get_name() == "appsink":
                return element

    def _bus_error(self) -> SourceError | None:
        """Return the pipeline's first error, if it has one."""
        message = self._pipeline.get_bus().pop_filtered(self._gst.MessageType.ERROR)
        if message is None:
            return None
        error, debug = message.parse_error()
        detail = (debug or "").rpartition("\n")[2].strip()
        text = redact_outside(f"{error.message.rstrip('.')}{f' ({detail})' if detail else ''}")
        sentence = f"{self._spec.safe_uri}: {text}"
        if re.search(r"\b(401|403|Unauthorized|Forbidden)\b", text):
            return SourceRefusedError(sentence)
        if error.matches(self._gst.ResourceError.quark(), self._gst.ResourceError.NOT_FOUND):
            return SourceAbsentError(sentence)
        return SourceError(sentence)

    def _picture(self, sample: Any, buffer: Any) -> Picture:
        """Copy the sample out of the pipeline's buffer pool, which it would otherwise hold up."""
        info = self._video.VideoInfo.new_from_caps(sample.get_caps())
        if info is None or info.finfo.name not in ("I420", "BGR"):
            given = info.finfo.name if info else sample.get_caps().to_string()
            raise SourceError(
                f"{self._spec.safe_uri} delivers {given}; end it in videoconvert ! video/x-raw,format=I420 ! appsink",
                permanent=True,
            )
        meta = self._video.buffer_get_video_meta(buffer)
        layout = meta or info
        strides, offsets = list(layout.stride), list(layout.offset)
        ok, mapped = buffer.map(self._gst.MapFlags.READ)
        if not ok:
            raise SourceError(f"{self._spec.safe_uri}: a picture cannot be mapped into memory")
        try:
            data = np.frombuffer(mapped.data, np.uint8).copy()
        finally:
            buffer.unmap(mapped)
        width_px, height_px = info.width, info.height
        if info.finfo.name == "BGR":
            packed = _rows(data, offsets[0], strides[0], height_px, 3 * width_px)
            return BgrPicture(np.ascontiguousarray(packed).reshape(height_px, width_px, 3))
        half = ((height_px + 1) // 2, (width_px + 1) // 2)
        colorimetry = info.colorimetry
        is_bt601 = colorimetry.matrix == self._video.VideoColorMatrix.BT601
        return YuvPicture(
            _rows(data, offsets[0], strides[0], height_px, width_px),
            _rows(data, offsets[1], strides[1], *half),
            _rows(data, offsets[2], strides[2], *half),
            full_range=int(colorimetry.range) == _FULL_RANGE,
            matrix="bt601" if is_bt601 else "bt709",
        )


def _rows(data: NDArray[np.uint8], offset: int, stride: int, rows: int, columns: int) -> NDArray[np.uint8]:
    # The last row may end before its stride does, so no plain reshape; this constructor checks the bounds.
    view: NDArray[np.uint8] = np.ndarray((rows, columns), np.uint8, data, offset, (stride, 1))
    return view


def _import_gstreamer() -> tuple[Any, Any]:
    with _BEGINNING:
        try:
            import gi

            gi.require_version("Gst", "1.0")
            gi.require_version("GstApp", "1.0")
            gi.require_version("GstVideo", "1.0")
            from gi.repository import Gst, GstApp, GstVideo  # noqa: F401  (GstApp gives appsink its methods)
        except (ImportError, ValueError):
            raise MissingDependencyError(
                f"gst: sources need GStreamer and its Python bindings from the system: {INSTALL}, and a virtual "
                "environment that sees system packages"
            ) from None
        if not Gst.is_initialized():
            Gst.init(None)
        return Gst, GstVideo
