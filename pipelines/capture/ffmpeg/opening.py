"""How FFmpeg is told to open a source: by which formats, with which options, and for how long at most."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import av

from pipelines.capture.ffmpeg.container_format import is_playlist
from pipelines.capture.source import SourceSpec
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.core.reading import open_ordinary

HLS_SILENCE_S = 12.0
"""HLS comes in segments of several seconds, with silence between them."""
FILE_SILENCE_S = 60.0
"""Longest wait for a piece of a file, which a slow disk or another machine may have."""

_LISTS = frozenset({"concat"})
"""Formats that are a list of other files. One that names itself takes every descriptor that this process may have."""
_OTHER_PLAYLISTS = (b"#EXT-X-STREAM-INF:", b"#EXT-X-MEDIA:")
"""How lines of an HLS playlist begin that name further playlists."""
_PLAYLIST_ON_DISK = {"live_start_index": "0", "m3u8_hold_counters": "2"}
"""Of one without its last line, as what writes it leaves it when it is killed: all of it is read, and looked for more
twice."""
_LINE_BYTES = 1 << 12
"""How much of a line is looked at."""


def open_input(spec: SourceSpec, options: dict[str, str], *, open_timeout_s: float, read_timeout_s: float) -> Any:
    """Return the open PyAV container of a source.

    Raises:
        SourceError: permanent; when it is a playlist of playlists on this machine. Not so, when it took too long.
        OSError: when it cannot be opened; as ``ValueError`` and ``av.error.FFmpegError``.
    """
    if spec.kind == "file" and is_playlist(spec.uri):
        _refuse_list_of_playlists(spec)
        options = {**options, **_PLAYLIST_ON_DISK}
    begin_s = time.monotonic()
    try:
        return av.open(
            spec.uri,
            format="video4linux2" if spec.kind == "v4l2" else None,
            options={**options, **known_formats()},
            timeout=(open_timeout_s, read_timeout_s),
        )
    except av.error.FFmpegError:
        if time.monotonic() - begin_s < open_timeout_s:
            raise
        # FFmpeg has other names for it, too, by what it waited for
        raise SourceError(f"{spec.safe_uri} did not answer within {open_timeout_s:g} s") from None


@cache
def known_formats() -> dict[str, str]:
    """Return the option that allows each of FFmpeg's formats, except lists of other files."""
    return {"format_whitelist": ",".join(sorted(av.formats_available - _LISTS))}


def open_timeout_s(spec: SourceSpec, config: StreamConfig) -> float:
    """Return how long opening may take."""
    return FILE_SILENCE_S if spec.kind == "file" else config.open_timeout_s


def read_timeout_s(spec: SourceSpec, config: StreamConfig) -> float:
    """Return how long a source may give nothing."""
    if is_playlist(spec.uri):
        return max(config.read_timeout_s, HLS_SILENCE_S)
    return FILE_SILENCE_S if spec.kind == "file" else config.read_timeout_s


def rtsp_options(transport: str, *, with_sound: bool) -> dict[str, str]:
    """Return the options for a camera, whose session description says what is in the stream.

    Probing it again would cost a second; ``nobuffer`` would throw the probed packets, and with them the first key
    frame, away.
    """
    return {
        "rtsp_transport": transport,
        "allowed_media_types": "video+audio" if with_sound else "video",
        "probesize": "32",
        "analyzeduration": "0",
        "buffer_size": "2000000",
    }


def _refuse_list_of_playlists(spec: SourceSpec) -> None:
    """Refuse what FFmpeg would follow without an end where such a list names itself."""
    with open_ordinary(Path(spec.uri)) as file:
        while line := file.readline(_LINE_BYTES):
            if line.startswith(_OTHER_PLAYLISTS):
                raise SourceError(
                    f"{spec.safe_uri} is a list of playlists (HLS); give one of those that it names", permanent=True
                )
