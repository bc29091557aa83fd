"""A dashcam's card becomes drives and a map: measured against the truth about drawn drives."""
