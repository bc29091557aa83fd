"""What is known of each of FFmpeg's container formats beyond what it says itself, in one place."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

_NO_TIMESTAMPS = 0x80
"""AVFMT_NOTIMESTAMPS: the times of such a format are FFmpeg's own, a count of frames at an assumed 25 fps."""
_MPEG_WRAP_S = 2**33 / 90000
"""After 26.5 h MPEG's timestamps begin again at 0; FFmpeg takes every large step back for that."""


class ContainerFormat(NamedTuple):
    """The properties of one format."""

    name: str
    """FFmpeg's first name of it."""
    is_playlist: bool = False
    """Whether it comes in segments: in bursts, with joints that FFmpeg takes for damage, in several qualities."""
    promises_length: bool = False
    """Whether what its header says of frames and duration can be relied on."""
    is_split_by_parser: bool = False
    """Whether FFmpeg finds the end of a packet by the beginning of the next one."""
    wraps_at_s: float | None = None
    """After how long its timestamps begin again; ``None`` where they do not."""
    knows_decoding_times_only: bool = False
    """Whether FFmpeg makes presentation times up, which with B-frames are wrong."""
    has_no_times: bool = False
    """Whether all its times are made up."""

    @classmethod
    def of(cls, container: Any) -> ContainerFormat:
        """Return the format of an open PyAV container."""
        name = container.format.name.split(",")[0]
        known = _KNOWN.get(name, cls(name))
        return known._replace(has_no_times=bool(container.format.flags & _NO_TIMESTAMPS))


_KNOWN = {
    one.name: one
    for one in (
        ContainerFormat(
            "hls", is_playlist=True, promises_length=True, is_split_by_parser=True, wraps_at_s=_MPEG_WRAP_S
        ),
        ContainerFormat("rtsp", promises_length=True, is_split_by_parser=True),
        ContainerFormat("mpegts", is_split_by_parser=True, wraps_at_s=_MPEG_WRAP_S),
        ContainerFormat("mpeg", wraps_at_s=_MPEG_WRAP_S),
        ContainerFormat("h264", is_split_by_parser=True),
        ContainerFormat("hevc", is_split_by_parser=True),
        ContainerFormat("mov", promises_length=True),
        ContainerFormat("matroska", promises_length=True),
        ContainerFormat("flv", promises_length=True),
        ContainerFormat("avi", promises_length=True, knows_decoding_times_only=True),
        ContainerFormat("asf", promises_length=True, knows_decoding_times_only=True),
    )
}


def is_playlist(uri: str) -> bool:
    """Return whether an address or path names an HLS playlist."""
    return (urlsplit(uri).path if "://" in uri else uri).lower().endswith((".m3u8", ".m3u"))
