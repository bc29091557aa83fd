"""The formats of positions in video files. A new one is one file with its reader, its test and its line here."""

from __future__ import annotations

from streamvision.core.registry import Registry
from streamvision.gps.containers.format import GpsFormat

_HERE = "streamvision.gps.containers"

GPS_FORMATS: Registry[GpsFormat] = Registry(
    "GPS format",
    group="streamvision.gps_formats",
    plugins=[
        GpsFormat(
            name="novatek",
            factory=f"{_HERE}.freegps.reader:read_indexed",
            summary="freeGPS blocks that an index names: Viofo, Novatek boards and many others.",
        ),
        GpsFormat(
            name="novatek_scan",
            factory=f"{_HERE}.freegps.reader:read_found",
            summary="freeGPS blocks without an index, as in a clip that was cut off.",
        ),
    ],
)
"""In the order in which they are tried; those that must search the file come last."""
