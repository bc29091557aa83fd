"""Which H.264 encoder is used on this machine: the first one that gives each picture at once and as it was.

An encoder that FFmpeg was built with may have no device here, may keep pictures back, or leave the parameters out of
later key frames; so each is tried with real pictures before any is trusted. Those of NVIDIA, Intel, AMD and of
Video4Linux (Raspberry Pi, Jetson) are set after FFmpeg's documentation and were not seen at work on such devices.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext

from pipelines.encoding.h264 import EncoderKind, H264Encoder, VideoSettings
from streamvision.core.errors import MissingDependencyError
from streamvision.core.picture import U8, Canvas

_log = logging.getLogger(__name__)

AUTO = "auto"
"""Takes the first that works."""
_TRIAL_PX = 640, 360
_TRIAL_LEVELS = 60, 120, 180, 90
_MAX_ERROR = 12
"""How far the mean of a picture may be from what it was, in levels."""
_SEQUENCE_PARAMETERS, _PICTURE_PARAMETERS = 7, 8
"""NAL unit types (ITU-T H.264, table 7-1)."""


def _x264(max_bit_s: int) -> Mapping[str, str]:
    # Measured on two real videos at 1080p: 8 to 9 ms of a core a picture and an eighth of the bytes of JPEG at quality
    # 80; "superfast" takes 11 to 15 ms for a fifth, "veryfast" 20 to 28. CABAC and deblocking, which "ultrafast"
    # leaves out, cost 1 ms and save a third. Without look-ahead ("zerolatency") no picture waits in the encoder.
    rates = {"crf": "24", "maxrate": str(max_bit_s), "bufsize": str(max_bit_s)}
    params = "scenecut=0:cabac=1:deblock=0,0"
    return {"preset": "ultrafast", "tune": "zerolatency", "x264-params": params, **rates}


def _openh264(max_bit_s: int) -> Mapping[str, str]:
    return {"allow_skip_frames": "0", "b": str(max_bit_s // 2)}


def _nvenc(max_bit_s: int) -> Mapping[str, str]:
    rates = {"rc": "vbr", "cq": "26", "b": "0", "maxrate": str(max_bit_s), "bufsize": str(max_bit_s)}
    return {"preset": "p3", "tune": "ull", "zerolatency": "1", "delay": "0", "forced-idr": "1", **rates}


def _qsv(max_bit_s: int) -> Mapping[str, str]:
    rates = {"b": str(max_bit_s // 2), "maxrate": str(max_bit_s), "bufsize": str(max_bit_s)}
    return {"preset": "veryfast", "async_depth": "1", "look_ahead": "0", "forced_idr": "1", **rates}


def _amf(max_bit_s: int) -> Mapping[str, str]:
    rates = {"rc": "vbr_latency", "b": str(max_bit_s // 2), "maxrate": str(max_bit_s), "bufsize": str(max_bit_s)}
    return {"usage": "ultralowlatency", "forced_idr": "1", "header_spacing": "1", **rates}


def _v4l2m2m(max_bit_s: int) -> Mapping[str, str]:
    return {"b": str(max_bit_s // 2)}


KINDS = (
    EncoderKind("h264_v4l2m2m", _v4l2m2m, is_hardware=True),
    EncoderKind("h264_nvenc", _nvenc, is_hardware=True),
    EncoderKind("h264_qsv", _qsv, layout="nv12", is_hardware=True),
    EncoderKind("h264_amf", _amf, is_hardware=True),
    EncoderKind("libx264", _x264),
    EncoderKind("libopenh264", _openh264),
)
"""In the order in which they are tried. VA-API alone is not among them: PyAV gives it no pictures."""


class EncoderChoice:
    """Opens encoders, of the kind that was found to work; any thread may ask.

    Args:
        wanted: FFmpeg's name of the encoder, or :data:`AUTO`.
    """

    def __init__(self, wanted: str = AUTO) -> None:
        self._wanted = wanted
        self._lock = threading.Lock()
        self._kind: EncoderKind | None = None

    def open(self, settings: VideoSettings) -> H264Encoder:
        """Return a new encoder; one without a device where a device refuses it, as one that has too much at work.

        Raises:
            MissingDependencyError: when none works, or not the one that is wanted.
            av.FFmpegError: when it works, but not with these settings.
        """
        kind = self._chosen()
        try:
            return H264Encoder(kind, settings)
        except av.FFmpegError as error:
            if not kind.is_hardware:
                raise
            _log.warning("%s refuses %dx%d (%s)", kind.name, settings.width_px, settings.height_px, error)
            return H264Encoder(_without_device(), settings)

    def note_failure(self, encoder: H264Encoder) -> None:
        """Take note that an encoder has failed at work: one that has a device is not used again."""
        with self._lock:
            if encoder.kind is self._kind and encoder.kind.is_hardware:
                self._kind = _without_device()
                _log.warning("%s has failed; live video is encoded by %s", encoder.kind.name, self._kind.name)

    def _chosen(self) -> EncoderKind:
        with self._lock:
            if self._kind is None:
                self._kind = _first_working([one for one in KINDS if self._wanted in (AUTO, one.name)])
                _log.info("live video is encoded by %s", self._kind.name)
            return self._kind


def _without_device() -> EncoderKind:
    return _first_working([one for one in KINDS if not one.is_hardware])


def _first_working(kinds: Sequence[EncoderKind]) -> EncoderKind:
    faults = []
    for kind in kinds:
        fault = fault_of(kind)
        if fault is None:
            return kind
        faults.append(f"{kind.name} {fault}")
    raise MissingDependencyError(
        f"no H.264 encoder works here: {'; '.join(faults)}; pip install --force-reinstall av brings libx264, and "
        f"serve.encoder: {AUTO} takes what works"
    )


@lru_cache(maxsize=16)
def fault_of(kind: EncoderKind) -> str | None:
    """Return why a kind cannot be used here, after having tried it; ``None`` where it can."""
    if kind.name not in av.codecs_available:
        return "is not in this PyAV"
    canvases = [_trial_canvas(level) for level in _TRIAL_LEVELS]
    try:
        encoder = H264Encoder(kind, VideoSettings(*_TRIAL_PX, 2_000_000))
        units = [encoder.encode(one, 3000 * n, is_key=n % 2 == 0) for n, one in enumerate(canvases)]
    except av.FFmpegError as error:
        return f"cannot be opened ({error.strerror})"
    if not all(units):
        return "keeps pictures back"
    if not all(_has_parameters(unit) for unit in units[::2]):
        return "leaves the parameters out of later key frames"
    seen = _decoded(units[2:])
    if len(seen) != 2:
        return "gives key frames that decoding cannot begin with"
    errors = [abs(int(a.mean()) - int(one.y.mean())) for a, one in zip(seen, canvases[2:], strict=True)]
    return "changes the pictures" if max(errors) > _MAX_ERROR else None


def _trial_canvas(level: int) -> Canvas:
    width_px, height_px = _TRIAL_PX
    luma = np.full((height_px, width_px), level, np.uint8)
    cv2.circle(luma, (level, level), 50, 255 - level, cv2.FILLED)
    colour = np.full((height_px // 2, width_px // 2), 128, np.uint8)
    return Canvas(luma, colour, colour)


def _has_parameters(unit: bytes) -> bool:
    return {_SEQUENCE_PARAMETERS, _PICTURE_PARAMETERS} <= {start[0] & 31 for start in unit.split(b"\0\0\1")[1:]}


def _decoded(units: Sequence[bytes]) -> list[U8]:
    """Return the luma of what a decoder makes of these, which begin with a key frame."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    try:
        frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit))] + decoder.decode(None)
    except av.FFmpegError:
        return []
    return [np.asarray(frame.to_ndarray(), np.uint8)[: frame.height] for frame in frames]
