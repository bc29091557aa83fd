"""Output of networks that describe a picture for comparison: (batch, D), brought to length 1.

The dot product of two is then their cosine similarity. Source: ArcFace (arXiv:1801.07698), section 3; OSNet for
re-identification (arXiv:1905.00953).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.core.image_result import ImageResult
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.layout import describe_outputs
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import ModelCard


class EmbedHead(PictureHead):
    """One tensor (batch, D); further axes must have the size 1."""

    task = "embed"
    usual_input = MappingProxyType({"resize": "stretch"})

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say no: classifiers look the same."""
        return False

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        if len(outputs) != 1 or not _is_vector(outputs[0].shape):
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but head {card.head!r} reads one output (batch, "
                "D); give the head that belongs to this model"
            )

    def read(self, outputs: Sequence[NDArray[Any]], places: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the embedding of each picture.

        Raises:
            ModelError: when an embedding has no direction: all zeros, or something that is no number.
        """
        vectors = outputs[0].reshape(len(outputs[0]), -1)[: len(places)].astype(np.float32)
        length = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
        if not np.isfinite(length).all() or not length.all():
            raise ModelError("the model returned an embedding without direction; check the file or its precision")
        return [ImageResult(embedding=vector) for vector in (vectors / length).astype(np.float32)]


def _is_vector(shape: Sequence[int | None]) -> bool:
    return len(shape) >= 2 and shape[1] != 1 and all(size in (None, 1) for size in shape[2:])
