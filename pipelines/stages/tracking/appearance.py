"""The appearance of objects: an embedding of each crop, for trackers that compare it.

All crops of a batch go through the model together. Only strong detections are described, since only they are compared
(BoT-SORT, Aharon et al., 2022, section 3.3); the rows of the others are zero, which is like nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.tracking.registry import TRACKERS
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.crops import crop_edges, cut
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.picture import Picture
from streamvision.inference.model import Prediction
from streamvision.search.embedder import Embedder

STRONG_SCORE = 0.5
"""Lowest score of a detection that is described: that of BoT-SORT's first association."""
MAX_CROPS = 100
"""Most objects of one picture that are described, the best by score."""


NONE = np.empty(0, np.intp)


class Appearance:
    """Describes objects with an embedding model. Several threads may use it at a time.

    Args:
        embedder: the model; :meth:`close` closes it.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._dimensions: int | None = None

    @classmethod
    def open(cls, config: TrackerConfig, *, requests: int) -> Appearance | None:
        """Load the model that the configuration names; ``None`` where it names none.

        Raises:
            ConfigError: when the model does not give embeddings, or the tracker does not compare them.
            StreamVisionError: when the model cannot be loaded.
        """
        if config.appearance is None:
            return None
        if config.name == "none" or not TRACKERS.get(config.name).uses_appearance:
            raise ConfigError(f"tracker.appearance is for the tracker botsort, but the tracker is {config.name!r}")
        return cls(Embedder.open(config.appearance, head=config.appearance_head, requests=requests))

    def describe(
        self, pictures: Sequence[Picture], found: Sequence[Prediction], *, wanted: Sequence[bool] | None = None
    ) -> list[Prediction]:
        """Return what was found with the embeddings of the strong detections.

        Args:
            pictures: the pictures.
            found: what was found on each.
            wanted: on which of them objects are to be described; default: on all.

        Raises:
            ModelError: when the model fails.
        """
        wanted = [True] * len(found) if wanted is None else wanted
        rows = [_strong(one.detections) if is_wanted else NONE for one, is_wanted in zip(found, wanted, strict=True)]
        crops = [
            cut(picture, *edges)
            for picture, one, chosen in zip(pictures, found, rows, strict=True)
            for edges in _edges(picture, one.detections, chosen)
        ]
        vectors = self._embedder.describe(crops)
        if len(vectors):
            self._dimensions = vectors.shape[1]
        if self._dimensions is None:
            return list(found)
        described, taken = [], 0
        for one, chosen, is_wanted in zip(found, rows, wanted, strict=True):
            if not is_wanted:
                described.append(one)
                continue
            embedding = np.zeros((len(one.detections), self._dimensions), np.float32)
            if len(chosen):
                embedding[chosen] = vectors[taken : taken + len(chosen)]
            taken += len(chosen)
            described.append(one._replace(detections=replace(one.detections, embedding=embedding)))
        return described

    def close(self) -> None:
        """Release the model."""
        self._embedder.close()


def _strong(detections: Detections) -> NDArray[np.intp]:
    """Return the rows to describe: they are ordered by score, the best first."""
    return np.flatnonzero(detections.score >= STRONG_SCORE)[:MAX_CROPS]


def _edges(picture: Picture, detections: Detections, rows: NDArray[np.intp]) -> list[list[int]]:
    size_px = picture.width_px, picture.height_px
    edges: list[list[int]] = crop_edges(detections.box_xyxy_px[rows], picture_px=size_px, margin=0.0).tolist()
    return edges
