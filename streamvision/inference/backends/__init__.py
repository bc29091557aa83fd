"""One file per runtime that executes a model; :func:`open_backend` picks by the file's ending."""

from streamvision.inference.backends.registry import open_backend

__all__ = ["open_backend"]
