"""HTTP cameras: MJPEG and snapshots, and telling them from films."""
