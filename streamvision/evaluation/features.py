"""The appearance of crops as vectors: features of the network where it gives some, else shape and colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.checkpoints.checkpoint_file import read_run
from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.checkpoints.torchvision import TorchvisionSource
from streamvision.checkpoints.torchvision_build import build_run, class_tensors, is_classifier
from streamvision.checkpoints.ultralytics import load_network
from streamvision.core.model_location import ModelLocation
from streamvision.core.picture import BgrPicture
from streamvision.inference.preprocess import InputBatch

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
CROP_SIDE_PX = 128
HOG_SIDE_PX = 64
BATCH = 32
COLOUR_BINS = (8, 4, 4)


class CropEmbedder(Protocol):
    """Turns crops into vectors whose scalar product is their likeness."""

    @property
    def description(self) -> str:
        """What the vectors are made of, as the end of a sentence."""

    def embed(self, crops: Sequence[U8]) -> F32:
        """Return (N, D) float32 rows of length 1 for N crops, each (H, W, 3) BGR."""


def open_embedder(model: ModelLocation, *, trust_checkpoint: bool = False) -> CropEmbedder:
    """Return the features of the network itself where it is a checkpoint of ultralytics or a classifier that was
    trained here, else shape and colour.

    Args:
        model: the model's file, or its address.
        trust_checkpoint: whether a checkpoint may run its author's code.

    Raises:
        MissingDependencyError: when the model is a checkpoint and torch or ultralytics is not installed.
        ModelError: when it cannot be loaded, or is not trusted.
    """
    if not isinstance(model, Path) or model.suffix.lower() != ".pt":
        return ShapeAndColour()
    if (stored := read_run(model, trusted=trust_checkpoint)) is None:
        return BackboneEmbedder(model, trusted=trust_checkpoint)
    if not is_classifier(str(stored["architecture"])):
        return ShapeAndColour()
    return ClassifierEmbedder(stored, model, trusted=trust_checkpoint)


class ShapeAndColour:
    """Histograms of oriented gradients (Dalal and Triggs, 2005) and of hue, saturation and value."""

    description = "shape (histograms of oriented gradients) and colour, since this model gives no features"

    def __init__(self) -> None:
        self._hog = cv2.HOGDescriptor((HOG_SIDE_PX, HOG_SIDE_PX), (16, 16), (8, 8), (8, 8), 9)

    def embed(self, crops: Sequence[U8]) -> F32:
        """Return (N, D) rows of length 1."""
        return _unit(np.stack([self._one(crop) for crop in crops]))

    def _one(self, crop: U8) -> F32:
        small: Any = cv2.resize(crop, (HOG_SIDE_PX, HOG_SIDE_PX), interpolation=cv2.INTER_AREA)
        shape: Any = self._hog.compute(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
        hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
        colour: Any = cv2.calcHist([hsv], [0, 1, 2], None, list(COLOUR_BINS), [0, 180, 0, 256, 0, 256])
        return np.concatenate([_unit(shape.reshape(1, -1))[0], _unit(np.sqrt(colour).reshape(1, -1))[0]])


class BackboneEmbedder:
    """The mean of the last feature map of an ultralytics checkpoint's backbone, and of those that its neck takes.

    Raises:
        MissingDependencyError: when torch or ultralytics is not installed.
        ModelError: when the file is not a checkpoint.
    """

    def __init__(self, path: Path, *, trusted: bool = False) -> None:
        self._torch = import_torch()
        self._network, _ = load_network(path, trusted=trusted)
        self._layers = backbone_layers(self._network)[-2:]
        self.description = "the features of the network's own backbone"

    def embed(self, crops: Sequence[U8]) -> F32:
        """Return (N, D) rows of length 1."""
        parts = [self._batch(crops[at : at + BATCH]) for at in range(0, len(crops), BATCH)]
        return _unit(np.concatenate(parts))

    def _batch(self, crops: Sequence[U8]) -> F32:
        side = (CROP_SIDE_PX, CROP_SIDE_PX)
        rgb = [
            cv2.cvtColor(cv2.resize(crop, side, interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB) for crop in crops
        ]
        tensor = self._torch.from_numpy(np.stack(rgb).transpose(0, 3, 1, 2).astype(np.float32) / 255)
        seen: list[Any] = []
        hooks = [
            self._network.model[layer].register_forward_hook(lambda _m, _i, output: seen.append(output))
            for layer in self._layers
        ]
        try:
            with self._torch.no_grad():
                self._network(tensor)
        finally:
            for hook in hooks:
                hook.remove()
        # Each map is centred on nothing and has a scale of its own, so each counts as much as the others.
        return np.concatenate([_unit(maps.mean(dim=(2, 3)).float().numpy()) for maps in seen], axis=1)


class ClassifierEmbedder:
    """What a classifier that was trained here hands to its last layer, the one with the classes.

    Args:
        stored: what its ``best.pt`` holds.
        path: of that file, for messages.
        trusted: whether it may name code of the user's.

    Raises:
        MissingDependencyError: when torch or torchvision is not installed.
        ModelError: when the tensors are not those of its architecture.
    """

    description = "the features that the network's own last layer decides by"

    def __init__(self, stored: dict[str, Any], path: Path, *, trusted: bool = False) -> None:
        self._torch = import_torch()
        described = build_run(stored, path, trusted=trusted)
        self._network = described.network.eval()
        self._input = TorchvisionSource(described, path=path).card.input
        self._last = self._network.get_submodule(next(iter(class_tensors(described.name))).rpartition(".")[0])

    def embed(self, crops: Sequence[U8]) -> F32:
        """Return (N, D) float32 rows of length 1."""
        parts = [self._batch(crops[at : at + BATCH]) for at in range(0, len(crops), BATCH)]
        return _unit(np.concatenate(parts))

    def _batch(self, crops: Sequence[U8]) -> F32:
        batch = InputBatch(self._input, len(crops))
        for index, crop in enumerate(crops):
            batch.put(index, BgrPicture(crop))
        seen: list[Any] = []
        hook = self._last.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
        try:
            with self._torch.no_grad():
                self._network(self._torch.from_numpy(batch.tensor))
        finally:
            hook.remove()
        rows: F32 = seen[0].float().numpy()
        return rows.mean(axis=(2, 3)) if rows.ndim == 4 else rows  # SqueezeNet's last layer is a convolution


def backbone_layers(network: Any) -> list[int]:
    """Return the layers of an ultralytics network whose feature maps leave the backbone, the finest first."""
    last = len(network.yaml["backbone"]) - 1
    return sorted({layer for layer in network.save if layer < last} | {last})


def centred(features: F32, mean: F32) -> F32:
    """Return rows of length 1 without what all crops have in common, so that their likeness discriminates."""
    return _unit(features - mean)


def _unit(rows: NDArray[Any]) -> F32:
    unit: F32 = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return unit
