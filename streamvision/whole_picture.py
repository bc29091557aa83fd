"""What a model says about a picture as a whole, in contrast to the objects on it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from streamvision.picture import Picture


@dataclass(frozen=True, eq=False)
class WholePicture:
    """The findings of models for ``classify``, ``semantic``, ``embed``, ``depth`` and ``image``, as far as given."""

    class_score: NDArray[np.float32] | None = None
    """(classes,) float32 probability of each class of the model card."""
    class_map: NDArray[np.uint8] | None = None
    """(h, w) uint8 class of each cell; the grid covers the whole picture, mostly more coarsely than its pixels."""
    depth_map: NDArray[np.float32] | None = None
    """(h, w) float32 distance, in the unit of the model card; the grid covers the whole picture."""
    embedding: NDArray[np.float32] | None = None
    """(D,) float32 of length 1: pictures of alike things have a dot product near 1."""
    picture: Picture | None = None
    """The picture that the network made; it goes on in place of the one that came in."""
    values: dict[str, float] | None = None
    """Numbers by name, for networks that give several answers at once."""

    def __repr__(self) -> str:
        return f"WholePicture({', '.join(f.name for f in fields(self) if getattr(self, f.name) is not None)})"
