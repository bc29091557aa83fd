"""Clips without an index, as a dashcam leaves them that loses its power: their pictures are found in their bytes."""
