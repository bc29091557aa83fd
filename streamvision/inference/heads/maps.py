"""Outputs with a value for each pixel of the picture: classes, distances, or another picture.

A grid covers the whole input of the network, letterbox included, with any number of cells. What is returned covers the
picture alone, with one cell for each pixel that the picture had within the input: there the letterbox ends between two
cells, whatever the grid's own coarseness. Sources:
https://docs.pytorch.org/vision/stable/models.html#semantic-segmentation, https://docs.ultralytics.com/tasks/semantic/,
https://docs.ultralytics.com/tasks/depth/ and https://github.com/DepthAnything/Depth-Anything-V2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import BgrPicture
from streamvision.core.resampling import LinearMap, bilinear_weights
from streamvision.inference.heads.base import PictureHead
from streamvision.inference.heads.layout import F32, HEAD_AND_NAMES, unknown_outputs
from streamvision.inference.letterbox import InputArea, Letterbox
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.tensors import TensorSpec


def logits_on_content(grid: F32, part: InputArea, card: InputCard) -> list[F32]:
    """Return each (h, w) channel of a (C, h, w) grid, interpolated to input pixels and cut to the picture's part."""
    if grid.shape[1:] == (card.height_px, card.width_px):
        return [channel[part.top : part.bottom, part.left : part.right] for channel in grid]
    down, across = _axis(grid.shape[1], card.height_px), _axis(grid.shape[2], card.width_px)
    size = part.right - part.left, part.bottom - part.top
    if size == (card.width_px, card.height_px):
        return [cv2.resize(channel, size, interpolation=cv2.INTER_LINEAR) for channel in grid]
    return [_interpolated(channel, down, across, part) for channel in grid]


def _interpolated(channel: F32, down: LinearMap, across: LinearMap, part: InputArea) -> F32:
    column, end = across.span(part.left, part.right)
    wide = across.rows(np.ascontiguousarray(channel[:, column:end].T), part.left, part.right, offset=column)
    interpolated: F32 = down.rows(np.ascontiguousarray(wide.T), part.top, part.bottom, offset=0)
    return interpolated


def classes_on_content(grid: NDArray[np.integer[Any]], part: InputArea, card: InputCard) -> NDArray[np.integer[Any]]:
    """Return an (h, w) map of classes, each cell repeated to input pixels, cut to the picture's part."""
    rows = np.arange(part.top, part.bottom) * grid.shape[0] // card.height_px
    columns = np.arange(part.left, part.right) * grid.shape[1] // card.width_px
    picked: NDArray[np.integer[Any]] = grid[rows[:, None], columns]
    return picked


@lru_cache(maxsize=32)
def _axis(cells: int, pixels: int) -> LinearMap:
    return LinearMap.of(bilinear_weights(cells, pixels).astype(np.float32))


MAX_CLASSES = 256


class SemanticHead(PictureHead):
    """The first output that is a map: of logits, channels first or last, or of class ids (batch, h, w).

    The largest of the logits wins; a single channel holds the logit of class 1 against class 0.
    """

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return the number of channels of the only map of logits, channels first."""
        maps = [output.shape for output in outputs if len(output.shape) == 4]
        return maps[0][1] if len(maps) == 1 else None

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._card = card.input
        self._classes = len(card.names)
        # With one channel there are two classes: the channel's and what is not of it.
        self._channels = {self._classes} | ({1} if self._classes == 2 else set())
        self._at = next((i for i, output in enumerate(outputs) if self._is_map(output)), None)
        if self._at is None or self._classes > MAX_CLASSES:
            reads = (
                f"with {self._classes} classes (at most {MAX_CLASSES}) reads a map (batch, {self._classes}, h, w) of "
                "logits or (batch, h, w) of class ids"
            )
            raise unknown_outputs(card, outputs, reads, settled_by=HEAD_AND_NAMES)

    def _is_map(self, output: TensorSpec) -> bool:
        shape = output.shape
        if len(shape) == 4:
            return any(size in (None, *self._channels) for size in (shape[1], shape[3]))
        return len(shape) == 3 and "float" not in output.dtype

    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the map of classes for each picture, at the resolution that the picture had within the input.

        It equals the reference's (interpolate the logits to the input, take the largest, cut the letterbox away).

        Raises:
            ModelError: when the map has another shape than the model said.
        """
        assert self._at is not None
        grid = outputs[self._at]
        parts = [letterbox.visible(self._card) for letterbox in letterboxes]
        if grid.ndim == 3:
            return [
                ImageResult(class_map=classes_on_content(ids, part, self._card).astype(np.uint8))
                for ids, part in zip(grid, parts, strict=False)
            ]
        logits = self._channels_first(grid)
        return [
            ImageResult(class_map=_largest(logits_on_content(channels, part, self._card)))
            for channels, part in zip(logits, parts, strict=False)
        ]

    def confidence(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[F32 | None]:
        """Return (h, w) the probability of the class that :meth:`read` gives each cell, picture by picture.

        ``None`` where the model gives class ids alone. Channels that are probabilities already stay what they are.

        Raises:
            ModelError: when the map has another shape than the model said.
        """
        assert self._at is not None
        grid = outputs[self._at]
        if grid.ndim == 3:
            return [None] * len(letterboxes)
        parts = [letterbox.visible(self._card) for letterbox in letterboxes]
        return [
            _confidence(np.stack(logits_on_content(channels, part, self._card)))
            for channels, part in zip(self._channels_first(grid), parts, strict=False)
        ]

    def _channels_first(self, grid: NDArray[Any]) -> F32:
        if grid.shape[1] in self._channels:
            return grid.astype(np.float32, copy=False)
        if grid.shape[3] in self._channels:
            return np.ascontiguousarray(grid.transpose(0, 3, 1, 2), np.float32)
        raise ModelError(f"the model returned a map {grid.shape} for {self._classes} classes; check the exported file")


def _largest(channels: list[F32]) -> NDArray[np.uint8]:
    """Return the number of the largest channel, the first of equal ones; of a single channel, whether it is above 0."""
    if len(channels) == 1:
        return (channels[0] > 0).astype(np.uint8)
    # A running maximum streams through memory; argmax over the outermost axis takes five times as long.
    best = channels[0].copy()
    class_map = np.zeros(best.shape, np.uint8)
    for class_id, channel in enumerate(channels[1:], start=1):
        class_map[channel > best] = class_id
        np.maximum(best, channel, out=best)
    return class_map


def _confidence(channels: F32) -> F32:
    """Return the largest probability among (C, h, w) logits or probabilities; of one channel, that of the likelier."""
    if len(channels) == 1:
        one: F32 = 1 / (1 + np.exp(-np.abs(channels[0])))
        return one
    best: F32 = channels.max(axis=0)
    if channels.min() >= 0 and np.allclose(channels.sum(axis=0), 1, atol=1e-3):
        return best
    probability: F32 = 1 / np.exp(channels - best).sum(axis=0)
    return probability


class DepthHead(PictureHead):
    """One tensor (batch, 1, h, w) or (batch, h, w) of distances, in the unit of the network."""

    usual_input = MappingProxyType({"resize": "stretch"})

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._card = card.input
        if len(outputs) != 1 or not _is_map(outputs[0].shape):
            raise unknown_outputs(card, outputs, "reads one map (batch, 1, h, w) or (batch, h, w)")

    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the map of distances for each picture, at the resolution that the picture had within the input.

        Raises:
            ModelError: when the map has another shape than the model said.
        """
        tensor = outputs[0]
        if not _is_map(tensor.shape):
            raise ModelError(f"the model returned {tensor.shape}, which is no map of distances; check the file")
        if tensor.ndim == 4:
            tensor = tensor[:, 0] if tensor.shape[1] == 1 else tensor[..., 0]
        found = []
        for grid, letterbox in zip(tensor.astype(np.float32, copy=False), letterboxes, strict=False):
            (depth,) = logits_on_content(grid[None], letterbox.visible(self._card), self._card)
            found.append(ImageResult(depth_map=depth.copy()))
        return found


def _is_map(shape: Sequence[int | None]) -> bool:
    return len(shape) == 3 or (len(shape) == 4 and 1 in (shape[1], shape[3]))


MOST_MADE_PX = 1 << 26
"""Pixels of a picture that a network makes: 4096x4096 made twice as large."""
_STRIP_ROWS = 256


class ImageHead(PictureHead):
    """One tensor with three channels, first or last, in the input's own scaling; the letterbox is cut away.

    The output may be larger or smaller than the input. What scale, mean, standard deviation and colour order the card
    states for the output, or else for the input, is undone.
    """

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._card = card.input
        self._made = card.picture or card.input
        if len(outputs) != 1 or _channel_axis(outputs[0].shape) is None:
            raise unknown_outputs(card, outputs, "reads one picture (batch, 3, h, w) or (batch, h, w, 3)")

    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the picture that was made of each picture.

        Raises:
            ModelError: when the tensor has no three channels, or the network has left nothing of a picture.
        """
        tensor = outputs[0]
        axis = _channel_axis(tensor.shape)
        if axis is None:
            raise ModelError(f"the model returned {tensor.shape}, which is no picture; check the exported file")
        last = tensor if axis == 3 else tensor.transpose(0, 2, 3, 1)
        return [
            ImageResult(picture=BgrPicture(self._levels(pixels, letterbox)))
            for pixels, letterbox in zip(last, letterboxes, strict=False)
        ]

    def _levels(self, pixels: NDArray[Any], letterbox: Letterbox) -> NDArray[np.uint8]:
        """Return (h, w, 3) BGR levels of the part that shows the picture."""
        rows, columns, _ = pixels.shape
        part = letterbox.visible(self._card)
        top, bottom = (round(y * rows / self._card.height_px) for y in (part.top, part.bottom))
        left, right = (round(x * columns / self._card.width_px) for x in (part.left, part.right))
        cut = pixels[top:bottom, left:right]
        if not cut.size:
            raise ModelError(f"the model returned a picture of {columns}x{rows}, too small to be cut; check the file")
        if rows * columns > MOST_MADE_PX:
            raise ModelError(
                f"the model returned a picture of {columns}x{rows}, more than {MOST_MADE_PX >> 20} million pixels; "
                "give it smaller ones, or a smaller --imgsz"
            )
        levels = np.empty(cut.shape, np.uint8)
        for first in range(0, len(cut), _STRIP_ROWS):  # whole pictures as float32 would take gigabytes
            levels[first : first + _STRIP_ROWS] = self._strip(cut[first : first + _STRIP_ROWS])
        return np.ascontiguousarray(levels[..., ::-1] if self._made.color == "rgb" else levels)

    def _strip(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the levels of some rows, in the network's order of colours."""
        values = pixels.astype(np.float32)
        if self._made.std is not None:
            values *= np.array(self._made.std, np.float32)
        if self._made.mean is not None:
            values += np.array(self._made.mean, np.float32)
        values *= np.float32(1 / self._made.scale)
        levels: NDArray[np.uint8] = np.rint(np.clip(np.nan_to_num(values), 0, 255)).astype(np.uint8)
        return levels


def _channel_axis(shape: Sequence[int | None]) -> int | None:
    if len(shape) != 4:
        return None
    return next((axis for axis in (1, 3) if shape[axis] == 3), None)
