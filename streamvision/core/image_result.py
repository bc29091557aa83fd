"""What a model says about a picture as a whole, in contrast to the objects on it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.cuboid import BoxedCuboid
from streamvision.core.detections import class_name
from streamvision.core.picture import Picture

TOP_CLASSES = 5
"""Most classes of a picture in a summary, the likeliest first."""


@dataclass(frozen=True, eq=False)
class ImageResult:
    """What models for whole pictures give (``classify``, ``depth``, ``caption`` and others), each its part."""

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
    cuboid: BoxedCuboid | None = None
    """How the object stands in space of which the picture is a crop."""
    values: dict[str, float] | None = None
    """Numbers by name, for networks that give several answers at once."""
    units: dict[str, str] | None = None
    """Unit of each of these numbers that has one."""
    text: str | None = None
    """The line of text on the picture, or the sentence that describes it; empty where there is none."""
    text_score: float | None = None
    """How sure its letters or words are on average, 0..1; set where :attr:`text` is."""
    word_score: NDArray[np.float32] | None = None
    """(words,) float32 probability of each word of a sentence that describes the picture."""

    def summary(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return the result as plain Python values, in the form that files and the web API carry.

        Maps are summed up: what share of the picture each class has, and the nearest, middle and farthest distance
        (percentiles 2, 50 and 98).
        """
        summary: dict[str, Any] = {}
        if self.class_score is not None:
            best = np.argsort(-self.class_score, kind="stable")[:TOP_CLASSES].tolist()
            scores = self.class_score[best].astype(np.float64).round(4).tolist()
            summary["classes"] = [
                {"class_id": class_id, "class_name": class_name(class_id, names), "score": score}
                for class_id, score in zip(best, scores, strict=True)
            ]
        if self.class_map is not None:
            shares = np.bincount(self.class_map.reshape(-1)) / self.class_map.size
            present = np.flatnonzero(shares).tolist()
            summary["areas"] = {class_name(class_id, names): round(float(shares[class_id]), 4) for class_id in present}
        if self.depth_map is not None:
            finite = self.depth_map[np.isfinite(self.depth_map)]
            near, middle, far = np.percentile(finite, [2, 50, 98]).tolist() if finite.size else (None, None, None)
            summary["depth"] = {"near": near, "middle": middle, "far": far}
        if self.embedding is not None:
            summary["embedding"] = self.embedding.astype(np.float64).round(5).tolist()
        if self.cuboid is not None:
            summary["cuboid"] = self.cuboid.to_json()
        if self.values is not None:
            summary["values"] = {name: value if math.isfinite(value) else None for name, value in self.values.items()}
        if self.units:
            summary["units"] = dict(self.units)
        if self.text is not None:
            summary["text"] = {"text": self.text, "score": round(self.text_score or 0.0, 4)}
        return summary

    def number_texts(self) -> list[str]:
        """Return the numbers by name as people read them, such as ``distance 34.2 m``."""
        units = self.units or {}
        return [f"{name} {value:.4g} {units.get(name, '')}".rstrip() for name, value in (self.values or {}).items()]

    def __repr__(self) -> str:
        return f"ImageResult({', '.join(f.name for f in fields(self) if getattr(self, f.name) is not None)})"
