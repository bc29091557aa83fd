"""Positions of a video in files beside it: of its own name, or the logs of the card that it lies on."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from streamvision.core.reading import UnreadableError, lenient_text, read_bytes
from streamvision.core.redaction import printable
from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.containers.format import Readings
from streamvision.gps.containers.nmea_log import read_log
from streamvision.gps.side_files.ddpai import read_card_logs
from streamvision.gps.side_files.gpx import read_gpx
from streamvision.gps.side_files.seventy_mai import read_card_log
from streamvision.gps.side_files.subtitles import read_subtitles

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 64 << 20
"""Longest file that is read: a day and a half of all that a receiver says a second."""
MAX_XML_BYTES = 16 << 20
"""Longest one as XML, which takes ten times as much in memory: a day with a point a second."""
SUFFIXES = ("nmea", "gps", "gpx", "srt")
"""In the order in which they are looked for; what is in a file, not its suffix, tells how it is read."""
_BLACKVUE = re.compile(r"(\d{8}_\d{6}_[A-Z])[FRIO][LS]?", re.ASCII)


class SideFile(NamedTuple):
    """A file of positions that belongs to one video, as it is at a moment."""

    name: str
    """Its name, in the video's folder."""
    size_bytes: int
    """How long it is."""
    modified_ns: int
    """When it was last written, by the file system."""


def files_beside(video: Path) -> tuple[SideFile, ...]:
    """Return the files of a video's own beside it, in the order in which they are looked for; they are not read."""
    found = []
    for file in _names(video):
        try:
            status = file.stat()
        except (OSError, ValueError):
            continue
        if file != video and S_ISREG(status.st_mode):
            found.append(SideFile(file.name, status.st_size, status.st_mtime_ns))
    return tuple(found)


def read_beside(video: Path) -> ClipGps | None:
    """Return the positions of a video in a file beside it; ``None`` where there are none.

    Looked for are its name with ``.nmea``, ``.gps``, ``.gpx`` or ``.srt`` instead of its suffix or behind it, the same
    without BlackVue's letter of the lens, and the logs of cards of 70mai and DDPai. It never raises.
    """
    for name, read in (("own", _read_own), ("70mai", read_card_log), ("ddpai", read_card_logs)):
        try:
            found = read(video)
        except Exception as error:  # a clip without positions is still a clip
            logger.debug("%s: files beside it (%s): %s", printable(video.name), name, error, exc_info=True)
            continue
        if found is not None and found[1].fixes:
            return _clip_gps(*found, _format_of(found[0]) if name == "own" else name)
    return None


def _clip_gps(file: Path, readings: Readings, form: str) -> ClipGps:
    return ClipGps(
        fixes=readings.fixes,
        format=form,
        source="side_file",
        file=file,
        camera_minus_utc_s=readings.camera_minus_utc_s,
        may_be_local=readings.may_be_local,
    )


def _read_own(video: Path) -> tuple[Path, Readings] | None:
    for file in _names(video):
        if file != video and file.is_file():
            readings = _read(file)
            if readings is not None and readings.fixes:
                return file, readings
    return None


def _names(video: Path) -> Iterator[Path]:
    blackvue = _BLACKVUE.fullmatch(video.stem)
    stems = [video.stem, video.name, *([blackvue[1]] if blackvue else [])]
    for suffix in SUFFIXES:
        for stem in stems:
            yield video.with_name(f"{stem}.{suffix}")
            yield video.with_name(f"{stem}.{suffix.upper()}")


def _read(file: Path) -> Readings | None:
    try:
        content = read_bytes(file, limit=MAX_FILE_BYTES)
        return _reader(content, file)(content)
    except UnreadableError as error:
        logger.debug("%s %s", printable(file.name), error)
        return None


def _reader(content: bytes, file: Path) -> Callable[[bytes], Readings | None]:
    if lenient_text(content[:512]).lstrip().startswith("<"):
        return _read_xml
    return read_subtitles if file.suffix.lower() == ".srt" else _read_sentences


def _read_xml(content: bytes) -> Readings:
    if len(content) > MAX_XML_BYTES:
        raise UnreadableError(f"has {len(content):,} bytes, of which {MAX_XML_BYTES:,} are read as XML")
    return read_gpx(content)


def _read_sentences(content: bytes) -> Readings | None:
    return read_log(lenient_text(content, otherwise="latin-1"))


def _format_of(file: Path) -> str:
    return file.suffix.lower().removeprefix(".")
