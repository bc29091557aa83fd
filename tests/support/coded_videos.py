"""Packets of small videos with bar codes, as a source hands them on, in the codecs that cameras have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipelines.capture.ffmpeg.track_header import encoded_track
from pipelines.capture.packets import EncodedPacket, EncodedTrack
from support.bar_codes import picture_with

FPS = 20


@dataclass(frozen=True)
class CodedVideo:
    """A video in memory."""

    tracks: tuple[EncodedTrack, ...]
    packets: tuple[EncodedPacket, ...]

    def at(self, start_s: float, *, clock_s: float = 0.0) -> Iterator[EncodedPacket]:
        """Yield the packets as if they came in real time from then on, by a clock that is so far ahead."""
        for packet in self.packets:
            time_base = self.tracks[packet.track].time_base
            ticks = round(Fraction(clock_s) / time_base)
            stamp = packet.dts if packet.dts is not None else packet.pts or 0
            yield replace(
                packet,
                pts=None if packet.pts is None else packet.pts + ticks,
                dts=None if packet.dts is None else packet.dts + ticks,
                arrived_at_s=start_s + float(stamp * time_base),
            )


def coded(
    folder: Path,
    codec: str = "libx264",
    *,
    container: str = "ts",
    sound: str | None = None,
    seconds: int = 4,
    first: int = 0,
    size_px: tuple[int, int] = (320, 240),
    **options: str,
) -> CodedVideo:
    """Encode pictures with numbers from ``first`` on, a key frame a second, into a file, and read its packets."""
    path = folder / f"{codec}-{sound}-{first}-{size_px[0]}.{container}"
    with av.open(path, "w") as output:
        given = {"libx264": {"g": str(FPS), "bf": "0", "sc_threshold": "0"}, "libx265": {"g": str(FPS)}}.get(codec, {})
        video = output.add_stream(codec, rate=FPS, options=given | options)
        video.width, video.height = size_px
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        heard = None
        if sound is not None:
            heard = output.add_stream(sound, rate=8000)
            heard.layout = "mono"
        for number in range(first, first + seconds * FPS):
            frame = av.VideoFrame.from_ndarray(picture_with(number), format="rgb24")
            output.mux(video.encode(frame.reformat(*size_px, video.pix_fmt)))
            if heard is not None:
                output.mux(heard.encode(_noise(number)))
        output.mux(video.encode(None))
        if heard is not None:
            output.mux(heard.encode(None))
    return _read(path)


def _noise(number: int) -> av.AudioFrame:
    samples = np.random.default_rng(number).integers(-8000, 8000, (1, 8000 // FPS)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
    frame.sample_rate = 8000
    return frame


def _read(path: Path) -> CodedVideo:
    with av.open(path) as container:
        streams = [stream for stream in container.streams if stream.type in ("video", "audio")]
        streams.sort(key=lambda stream: stream.type != "video")
        tracks = tuple(encoded_track(stream) for stream in streams)
        packets = tuple(
            EncodedPacket(
                track=streams.index(packet.stream),
                data=bytes(packet),
                pts=packet.pts,
                dts=packet.dts,
                duration=packet.duration or 0,
                is_key=packet.is_keyframe,
                arrived_at_s=0.0,
            )
            for packet in container.demux(streams)
            if packet.size
        )
    return CodedVideo(tracks, packets)
