"""Positions of a video: out of the file itself, else out of one beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from streamvision.core.errors import ConfigError
from streamvision.core.reading import UnreadableError, open_ordinary
from streamvision.core.redaction import printable
from streamvision.gps.clip_gps import ClipGps
from streamvision.gps.containers.format import GpsFormat, Readings
from streamvision.gps.containers.registry import GPS_FORMATS
from streamvision.gps.side_files.beside import read_beside

logger = logging.getLogger(__name__)


def read_gps(path: Path) -> ClipGps | None:
    """Return the positions of a video; ``None`` where nothing tells any.

    Whatever the bytes are, it raises nothing and ends in bounded time; what is damaged is passed over.

    Args:
        path: the video file.
    """
    return read_container(path) or read_beside(path)


def read_container(path: Path) -> ClipGps | None:
    """Return the positions that stand in a video file itself; ``None`` where there are none."""
    try:
        with open_ordinary(path) as file:
            for gps_format in _formats():
                readings = _readings(gps_format, file, path)
                if readings is not None and readings.fixes:
                    return ClipGps(
                        fixes=readings.fixes,
                        format=gps_format.name,
                        source="container",
                        file=path,
                        camera_minus_utc_s=readings.camera_minus_utc_s,
                        may_be_local=readings.may_be_local,
                    )
    except (UnreadableError, OSError):
        return None
    return None


def _formats() -> Iterator[GpsFormat]:
    """Yield the formats; a package whose own cannot be imported leaves the others as they are."""
    yield from GPS_FORMATS.built_in
    for name in GPS_FORMATS.from_packages():
        try:
            yield GPS_FORMATS.get(name)
        except ConfigError as error:
            logger.warning("%s", error)


def _readings(gps_format: GpsFormat, file: BinaryIO, path: Path) -> Readings | None:
    try:
        readings: Readings | None = gps_format.load()(file)
    except Exception as error:  # readers of other packages as well as ours: a clip without positions is still a clip
        logger.debug("%s: positions of format %s: %s", printable(path.name), gps_format.name, error, exc_info=True)
        return None
    return readings
