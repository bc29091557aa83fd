"""The input tensors that static quantisation measures ranges on: the user's pictures, fed as the runtime feeds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from exporters.parity.pictures import GatePicture, pictures_in
from streamvision.core.errors import ExportError
from streamvision.inference.model_card import InputCard
from streamvision.inference.preprocess import InputBatch

DEFAULT_COUNT = 64
"""Ranges of activations hardly move beyond this many everyday pictures."""


def calibration_tensors(folder: Path | None, card: InputCard, *, count: int = DEFAULT_COUNT) -> Iterator[NDArray[Any]]:
    """Return an iterator of tensors with one picture each, as the card wants them.

    Args:
        folder: of the pictures, ``ExportOptions.calibration``.
        card: of the input that the ranges are measured behind.
        count: most pictures, evenly spaced by name.

    Raises:
        ExportError: when no folder was given.
        ConfigError: when there is no such folder, or no picture in it.
    """
    if folder is None:
        raise ExportError(
            "int8 needs pictures to measure the ranges of activations on: give a folder of some 64 everyday ones with "
            "--calibration DIR, or take fp16, which needs none"
        )
    return _tensors(pictures_in(folder, count=count).pictures, card)


def _tensors(pictures: Sequence[GatePicture], card: InputCard) -> Iterator[NDArray[Any]]:
    batch = InputBatch(card.model_copy(update={"dynamic_size": False}), 1)
    for picture in pictures:
        batch.put(0, picture.load())
        yield batch.tensor.copy()
