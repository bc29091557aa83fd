"""One file per runtime that executes a model; :func:`open_backend` picks by the file's own kind."""

from streamvision.inference.backends.open import open_backend

__all__ = ["open_backend"]
