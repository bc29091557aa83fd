"""Labelled pictures in five formats, read into and written from one vocabulary."""

from streamvision.datasets.formats import detect_format, read_dataset, write_dataset
from streamvision.datasets.splitting import split_dataset

__all__ = ["detect_format", "read_dataset", "split_dataset", "write_dataset"]
