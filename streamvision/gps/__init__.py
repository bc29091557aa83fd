"""Positions: read from videos, files beside them, gpsd and NMEA; cleaned, joined, written as GPX and GeoJSON."""
