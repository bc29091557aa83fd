"""What every head offers: the meaning of a network's raw outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamvision.backends.base import TensorSpec
from streamvision.detections import Index
from streamvision.model_card import ModelCard


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes of one picture before suppression, in pixels of the network's input."""

    box_xyxy_px: NDArray[np.float32]
    """(N, 4) float32: left, top, right, bottom in network-input pixels."""
    score: NDArray[np.float32]
    """(N,) float32 confidence of the class, 0..1."""
    class_id: NDArray[np.int32]
    """(N,) int32 class: the box's best, or one of several where every class was asked for."""

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, index: Index) -> Candidates:
        """Return the chosen rows, in the order chosen."""
        return Candidates(self.box_xyxy_px[index], self.score[index], self.class_id[index])


class Head(Protocol):
    """Decodes one layout of outputs. A new head is one new file, its test and its registration."""

    @staticmethod
    def matches(input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether these shapes can only be this head's; used for models without any metadata."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        """Prepare for one model.

        Raises:
            UnknownHeadError: when the outputs do not have this head's shape.
        """

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture in the batch whose score reaches the threshold.

        A box is a candidate for its best class. With ``every_class`` it is one for each class whose score reaches the
        threshold, where the network's own library measures it so; average precision gains by it, viewers do not.
        """
