"""Cards of dashcams, made from the synthetic drive: clips, positions, and the truth about both."""

from streamvision.datasets.trip.spec import GpsNoise, TripSpec
from streamvision.datasets.trip.writing import CardOrder, write_cards, write_trip

__all__ = ["CardOrder", "GpsNoise", "TripSpec", "write_cards", "write_trip"]
