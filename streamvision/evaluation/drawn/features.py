"""What a network sees in pictures, as a vector each: the space in which sets of pictures are compared.

The usual space is that of Inception v3, whose weights cannot be had without a download. Here it is the last stage of a
network by whose features pictures are compared elsewhere, too, or any ONNX model of embeddings. Figures of different
networks are not comparable, nor are they with published ones.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from streamvision.checkpoints.feature_network import FeatureNetwork, open_features
from streamvision.core.picture import BgrPicture
from streamvision.evaluation.drawn.distances import F64
from streamvision.evaluation.model import open_model
from streamvision.inference.model import Model

F32 = NDArray[np.float32]
SEEN_PX = 64
"""Side of the squares as a network of features sees them."""


class PictureVectors(Protocol):
    """From pictures to vectors."""

    @property
    def description(self) -> str:
        """What the vectors are made of, as the end of a sentence."""

    def __call__(self, pictures: F32) -> F64:
        """Return (N, D) vectors of (N, 3, S, S) RGB of 0..1."""

    def close(self) -> None:
        """Release the network; calling it twice is harmless."""


class StageVectors:
    """The mean, over all places, of what the last stage of a network of features finds."""

    def __init__(self, network: FeatureNetwork) -> None:
        self._network = network
        self.description = f"the features of {network.name}"

    @torch.inference_mode()
    def __call__(self, pictures: F32) -> F64:
        """Return (N, D) vectors; see :class:`PictureVectors`."""
        seen = functional.interpolate(torch.from_numpy(pictures), size=(SEEN_PX, SEEN_PX), mode="bilinear")
        vectors: F64 = self._network(seen)[-1].mean(dim=(2, 3)).double().numpy()
        return vectors

    def close(self) -> None:
        """Release nothing: a network of torch goes with the last who knows it."""


class EmbeddingVectors:
    """The vectors of a model of embeddings, which have the length 1."""

    def __init__(self, model: Model, *, name: str) -> None:
        self._model = model
        self.description = f"the embeddings of {name}"

    def __call__(self, pictures: F32) -> F64:
        """Return (N, D) vectors; see :class:`PictureVectors`."""
        return np.stack([self._one(picture) for picture in pictures])

    def close(self) -> None:
        """Release the model; calling it twice is harmless."""
        self._model.close()

    def _one(self, picture: F32) -> F64:
        levels = np.rint(picture.clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
        (found,) = self._model.find([BgrPicture(np.ascontiguousarray(levels[..., ::-1]))])
        assert found.image_result is not None and found.image_result.embedding is not None
        return found.image_result.embedding.astype(np.float64)


def open_vectors(given: str | None, *, trusted: bool = False) -> PictureVectors:
    """Open the network that is named, or the one that ships for features.

    Args:
        given: an ONNX model of embeddings, or what :func:`~.feature_network.open_features` opens.
        trusted: whether a checkpoint may run its author's code.

    Raises:
        ConfigError: when there is no such file, or it is of another kind.
        ModelError: when it cannot be opened.
    """
    if given is not None and (path := Path(given)).suffix.lower() == ".onnx" and path.is_file():
        model = open_model(path)
        if model.card.task == "embed":
            return EmbeddingVectors(model, name=path.name)
        model.close()
    return StageVectors(open_features(given, trusted=trusted))


def vectors_of(batches: Iterable[F32], vectors: PictureVectors) -> F64:
    """Return (N, D) the vectors of all pictures of some batches."""
    return np.concatenate([vectors(batch) for batch in batches])
