"""The card of a dashcam: clips recognised by their names and containers, put on one clock, and joined to drives."""
