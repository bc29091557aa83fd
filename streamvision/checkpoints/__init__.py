"""Trained models before their export, one file per library that they come from."""

from streamvision.checkpoints.opening import open_generator, open_source

__all__ = ["open_generator", "open_source"]
