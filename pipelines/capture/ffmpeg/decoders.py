"""Which decoder turns packets into pictures: the processor's, or that of a device, proven by a frame that comes out.

That a device is there says nothing of what it decodes: a driver lacks a profile, a library is of another version, all
sessions are taken. So a device counts only once it has given a frame of the very stream that equals the processor's;
until then the packets are kept, and whatever decodes in its place gets them from the beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import av
import numpy as np
from av.codec.context import Flags
from av.codec.hwaccel import HWAccel

from pipelines.capture.ffmpeg.geometry import display_matrix
from pipelines.capture.ffmpeg.open_failure import fault_text
from streamvision.core.errors import DeviceError

log = logging.getLogger(__name__)

TRIAL_PACKETS = 300
"""So many packets may pass without a frame: cameras send a key frame every ten seconds."""
MAX_DIFFERENCE = 2.0
"""Mean levels by which a device's frame may differ; standards since H.264 ask for equal ones, MPEG-2 and 4 do not."""
_FAULTS = (OSError, ValueError, RuntimeError, av.error.FFmpegError)
_SHORT_NAMES = {"mpeg1video": "mpeg1", "mpeg2video": "mpeg2"}
"""As decoders of devices call these codecs."""


class DeviceDecoder(NamedTuple):
    """A device that may decode."""

    name: str
    """What it is called in the configuration."""
    create: Callable[[str], Any]
    """Takes the codec's name and returns a codec context.

    Raises:
        OSError, ValueError, RuntimeError: when the device or its decoder is not there.
    """


def create_decoder(stream: Any, choice: str, shown: str) -> Any:
    """Return what decodes a stream: ``decode(packet)`` gives a list of frames, ``decode(None)`` the last ones.

    Args:
        stream: PyAV's video stream, whose own context is the processor's decoder.
        choice: ``cpu``, the name of a device, or ``auto``: the first device that gives a frame, or else the processor.
        shown: the source as it may be shown.
    """
    if choice == "cpu":
        return stream.codec_context
    devices = [device for device in DEVICES if choice in ("auto", device.name)]
    return TriedDecoder(stream, devices, shown, falls_back=choice == "auto")


class TriedDecoder:
    """Decodes by the first of several devices that gives a frame."""

    def __init__(self, stream: Any, devices: Sequence[DeviceDecoder], shown: str, *, falls_back: bool) -> None:
        """Prepare; where none gives a frame, the processor decodes if it ``falls_back``, else that is an error."""
        self.name: str | None = None
        """Who decodes; ``None`` until that is known."""
        self._stream = stream
        self._devices = list(devices)
        self._shown = shown
        self._falls_back = falls_back
        self._context: Any = None
        self._kept: list[Any] = []

    def decode(self, packet: Any | None) -> list[Any]:
        """Return the frames that a packet completes; without one, the last frames.

        Raises:
            DeviceError: when the asked-for device gives no frame.
            OSError, ValueError: as FFmpeg, for a damaged packet.
        """
        if self.name is not None:
            frames: list[Any] = self._context.decode(packet)
            return frames
        self._kept.append(packet)
        pending = [packet]
        while self._devices:
            frames, fault = self._tried(pending)
            if frames and not (fault := self._difference(frames[0])):
                self._settled(self._devices[0].name, self._context)
                self._kept = []
                return frames
            is_end = packet is None or packet.size == 0
            if fault is None and len(self._kept) < TRIAL_PACKETS and not (is_end and self._falls_back):
                return []
            self._give_up(fault or f"{len(self._kept)} packets gave no frame")
            pending = self._kept
        return self._replayed()

    def _tried(self, packets: Sequence[Any]) -> tuple[list[Any], str | None]:
        """Return the frames that the present device gives, and why it can give none."""
        frames: list[Any] = []
        try:
            if self._context is None:
                self._context = _prepared(self._devices[0], self._stream)
            for packet in packets:
                try:
                    frames += self._context.decode(packet)
                except av.error.InvalidDataError:  # damaged, or what comes before the first key frame
                    continue
        except _FAULTS as error:
            return frames, fault_text(error)
        return frames, None

    def _difference(self, frame: Any) -> str | None:
        """Return in what a frame of the device differs from the processor's of the same time."""
        for reference in self._of_processor():
            if reference.pts == frame.pts:
                return _difference(frame, reference)
        return "its first frame is none that the processor gives"

    def _of_processor(self) -> Iterator[Any]:
        """Yield the frames that the processor makes of the packets so far; it is left as if it had seen none."""
        own = self._stream.codec_context
        try:
            for packet in [*self._kept, None]:
                try:
                    yield from own.decode(packet)
                except av.error.FFmpegError:
                    continue
        finally:
            own.flush_buffers()

    def _give_up(self, fault: str) -> None:
        device = self._devices.pop(0)
        self._context = None
        if not self._falls_back:
            raise DeviceError(
                f"{self._shown} ({self._stream.codec_context.codec.canonical_name}) cannot be decoded by {device.name} "
                f"here: {fault}; give --decode auto, which falls back to the processor, or cpu"
            )
        log.info("%s is not decoded by %s: %s", self._shown, device.name, fault)

    def _replayed(self) -> list[Any]:
        """Return what the processor makes of the packets so far, of which the last may be damaged, as ever."""
        self._settled("cpu", self._stream.codec_context)
        frames: list[Any] = []
        kept, self._kept = self._kept, []
        for number, packet in enumerate(kept, 1):
            try:
                frames += self._context.decode(packet)
            except (OSError, ValueError, av.error.FFmpegError):
                if number == len(kept) and not frames:
                    raise
        return frames

    def _settled(self, name: str, context: Any) -> None:
        self.name, self._context = name, context
        log.info("%s is decoded by %s", self._shown, name)


def _prepared(device: DeviceDecoder, stream: Any) -> Any:
    """Return a context of the device that knows what the container says of the stream."""
    own = stream.codec_context
    context = device.create(own.codec.canonical_name)
    context.extradata = own.extradata
    context.width, context.height = own.width, own.height
    context.flags |= Flags.copy_opaque
    for name in ("color_range", "colorspace", "color_primaries", "color_trc"):
        setattr(context, name, getattr(own, name))
    return context


def _difference(frame: Any, reference: Any) -> str | None:
    """Return in what two decoders' frames of the same time differ, as far as that may not be."""
    if (frame.width, frame.height) != (reference.width, reference.height):
        return f"it gives {frame.width}x{frame.height} pictures, the processor {reference.width}x{reference.height}"
    if display_matrix(frame) is None and display_matrix(reference) is not None:
        return "it does not say how the picture is to be turned"
    ours, theirs = (one.to_ndarray(format="yuv420p").astype(np.int16) for one in (frame, reference))
    levels = float(np.abs(ours - theirs).mean())
    return f"its first frame is {levels:.1f} levels off the processor's" if levels > MAX_DIFFERENCE else None


def _accelerated(kind: str) -> Callable[[str], Any]:
    """Return a maker of FFmpeg's own decoders with a device behind them."""

    def create(codec: str) -> Any:
        context = av.CodecContext.create(codec, "r", HWAccel(kind, allow_software_fallback=False))
        if not context.is_hwaccel:
            raise RuntimeError(f"this FFmpeg has no {codec} for {kind}")
        return context

    return create


def _named(suffix: str) -> Callable[[str], Any]:
    """Return a maker of decoders that are FFmpeg's names for a device's own."""

    def create(codec: str) -> Any:
        name = f"{_SHORT_NAMES.get(codec, codec)}_{suffix}"
        if name not in av.codecs_available:
            raise RuntimeError(f"this FFmpeg has no {name}")
        return av.CodecContext.create(name, "r")

    return create


DEVICES = (
    DeviceDecoder("cuda", _accelerated("cuda")),
    DeviceDecoder("qsv", _named("qsv")),
    DeviceDecoder("vaapi", _accelerated("vaapi")),
    DeviceDecoder("v4l2m2m", _named("v4l2m2m")),
)
"""In the order in which ``auto`` tries them."""
