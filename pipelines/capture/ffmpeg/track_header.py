"""Tracks of an open FFmpeg input as values that outlive it, so that another thread may write files of their packets."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av

from pipelines.capture.packets import EncodedTrack

_PACKET = bytes(8)
"""FFmpeg opens no NUT file without a packet."""
_NO_PROBING = {"probesize": "32", "analyzeduration": "0"}


def encoded_track(stream: Any) -> EncodedTrack:
    """Return what there is to say of a track.

    Args:
        stream: PyAV's stream of sound or pictures, whose codec is known.
    """
    context = stream.codec_context
    is_video = stream.type == "video"
    return EncodedTrack(
        kind="video" if is_video else "audio",
        codec=context.codec.canonical_name,
        time_base=stream.time_base or Fraction(1, 90000),
        extradata=context.extradata or b"",
        width_px=context.width if is_video else 0,
        height_px=context.height if is_video else 0,
        sample_rate_hz=0 if is_video else context.sample_rate,
        channels=0 if is_video else context.layout.nb_channels,
        header=_header(stream),
    )


def picture_track(data: bytes, time_base: Fraction) -> EncodedTrack | None:
    """Return the track whose packets are JPEG files like this one; ``None`` where FFmpeg does not know it."""
    track = parsed_track(data, "mjpeg")
    return EncodedTrack(**{**vars(track), "time_base": time_base}) if track is not None else None


def parsed_track(data: bytes, codec: str) -> EncodedTrack | None:
    """Return the track that a key frame by itself tells of; ``None`` where it tells nothing.

    Args:
        data: the packet, with its parameter sets and start codes where its codec has such.
        codec: h264, hevc or mjpeg.
    """
    try:
        with av.open(io.BytesIO(data), format=codec) as container:
            stream = container.streams.video[0]
            return encoded_track(stream) if stream.codec_context.width else None
    except (OSError, ValueError, IndexError, av.error.FFmpegError):
        return None


def add_track(output: Any, track: EncodedTrack) -> Any:
    """Add a track to an open PyAV output, and return its stream there.

    Raises:
        OSError, ValueError: when the output's format does not take its codec.
    """
    with av.open(io.BytesIO(track.header), format="nut", options=_NO_PROBING) as template:
        stream = output.add_stream_from_template(template.streams[0])
        context = stream.codec_context
        context.extradata = track.extradata or None
        if track.kind == "video":
            context.width, context.height = track.width_px, track.height_px
        return stream


def _header(stream: Any) -> bytes:
    """Return the NUT file; nothing where its codec has no place in such a file."""
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="nut") as output:
            own = output.add_stream_from_template(stream)
            packet = av.Packet(_PACKET)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = own, 0, 0, True
            packet.time_base = stream.time_base
            output.mux(packet)
    except (OSError, ValueError, av.error.FFmpegError):
        return b""
    return file.getvalue()
