"""A folder of dashcam clips becomes drives: a track, a table and a map of what was seen, and a report."""
