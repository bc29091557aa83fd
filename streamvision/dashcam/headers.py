"""How long a clip plays and when it was made, by its container: nothing of it is decoded."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import av

from streamvision.gps.boxes import MovieHeader, read_movie_header

MP4_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".360", ".3gp"})
FORMATS = "mov,mpegts,avi,matroska"
"""FFmpeg's names of the formats of clips; a playlist or a list of files, which may name itself, is none."""
OPEN_TIMEOUT_S = 10.0
PROBED_BYTES = 4 << 20
"""How much of a file FFmpeg may read to tell what is in it."""
LONGEST_S = 7 * 86_400.0
"""A clip that claims to be longer claims nothing: time stamps of a damaged file leap."""


def read_header(path: Path) -> MovieHeader:
    """Return what a container says; nothing (``None``) of what it does not say, or where it cannot be read."""
    if path.suffix.lower() in MP4_SUFFIXES:
        found = read_movie_header(path)
        header = found or MovieHeader(None, None)
        if found is not None and found.duration_s is None:  # fragments say it, each for itself
            header = replace(found, duration_s=_by_ffmpeg(path).duration_s)
    else:
        header = _by_ffmpeg(path)
    is_possible = header.duration_s is not None and 0 < header.duration_s <= LONGEST_S
    return MovieHeader(header.duration_s if is_possible else None, header.created_unix_s)


def _by_ffmpeg(path: Path) -> MovieHeader:
    bounds = {"probesize": str(PROBED_BYTES), "protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        with av.open(
            str(path.absolute()), options=bounds, timeout=OPEN_TIMEOUT_S, metadata_errors="replace"
        ) as container:
            duration_s = container.duration / av.time_base if container.duration else None
            return MovieHeader(duration_s, _unix_s(container.metadata.get("creation_time", "")))
    except (av.error.FFmpegError, OSError, ValueError):
        return MovieHeader(None, None)


def _unix_s(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        unix_s = (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None
    return unix_s if math.isfinite(unix_s) and unix_s > 0 else None
