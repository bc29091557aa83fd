"""The drives on the card of a dashcam as one source."""
