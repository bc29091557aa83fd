"""Positions in video files, one format a file; ``registry.py`` lists them."""
