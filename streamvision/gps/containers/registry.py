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
            name="nmea_log",
            factory=f"{_HERE}.nmea_log:read",
            summary="A log of NMEA sentences in a box: BlackVue, Datakam, DENVER.",
        ),
        GpsFormat(
            name="garmin",
            factory=f"{_HERE}.garmin:read",
            summary="Rows in a uuid box or packets in a track: Garmin dashcams.",
        ),
        GpsFormat(
            name="gps0",
            factory=f"{_HERE}.gps0:read",
            summary="Records in a box gps0: DuDuBell, VSYS, Lamax, Auto-Vox.",
        ),
        GpsFormat(
            name="70mai",
            factory=f"{_HERE}.seventy_mai:read",
            summary="Records in a box GPS: 70mai Pro.",
        ),
        GpsFormat(
            name="kenwood",
            factory=f"{_HERE}.kenwood:read",
            summary="Lines of text in the file's own data: Kenwood.",
        ),
        GpsFormat(
            name="insta360",
            factory=f"{_HERE}.insta360:read",
            summary="Records behind the movie: Insta360.",
        ),
        GpsFormat(
            name="gpmf",
            factory=f"{_HERE}.gpmf:read_gpmf",
            summary="GPMF, the telemetry of GoPro.",
        ),
        GpsFormat(
            name="camm",
            factory=f"{_HERE}.camm:read_camm",
            summary="CAMM, the motion of cameras for Street View.",
        ),
        GpsFormat(
            name="text",
            factory=f"{_HERE}.text_tracks:read_texts",
            summary="NMEA and other text in a track of its own: Thinkware, DJI, BlueSkySea, Roadhawk and many others.",
        ),
        GpsFormat(
            name="tesla",
            factory=f"{_HERE}.tesla:read",
            summary="A message in each picture: Tesla, firmware 2025.44.25 and later.",
        ),
        GpsFormat(
            name="transport_stream",
            factory=f"{_HERE}.transport_stream:read",
            summary="Packets of a transport stream: Viofo A119 v3, Blueskysea, INNOVV, VSYS A6L.",
        ),
        GpsFormat(
            name="novatek_scan",
            factory=f"{_HERE}.freegps.reader:read_found",
            summary="freeGPS blocks without an index, as in a clip that was cut off.",
        ),
        GpsFormat(
            name="text_scan",
            factory=f"{_HERE}.text_scan:read",
            summary="NMEA among the pictures of a clip without an index.",
        ),
    ],
)
"""In the order in which they are tried; those that must search the file come last."""
