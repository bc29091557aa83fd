"""What every head offers: the meaning of a network's raw outputs.

A head finds objects (:class:`ObjectHead`) or reads the picture as a whole (:class:`PictureHead`). A new head is one new
file, its test and its registration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections, Index
from streamvision.core.image_result import ImageResult
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import KeypointCard, ModelCard
from streamvision.inference.tensors import TensorSpec


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes of one picture before suppression, in pixels of the network's input."""

    box_xyxy_px: NDArray[np.float32]
    """(N, 4) float32: left, top, right, bottom in network-input pixels."""
    score: NDArray[np.float32]
    """(N,) float32 confidence of the class, 0..1."""
    class_id: NDArray[np.int32]
    """(N,) int32 class: the box's best, or one of several where every class was asked for."""
    extra: NDArray[np.float32] | None = None
    """(N, M) float32 what else the network says of each box (mask coefficients, keypoints, an angle); the head that
    wrote it reads it in :meth:`ObjectHead.complete`."""

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, index: Index) -> Candidates:
        """Return the chosen rows, in the order chosen."""
        extra = None if self.extra is None else self.extra[index]
        return Candidates(self.box_xyxy_px[index], self.score[index], self.class_id[index], extra)


class Head(ABC):
    """Decodes one layout of outputs."""

    selected: ClassVar[bool] = False
    """Whether the outputs are free of duplicates by their nature, so that nothing is to be suppressed."""
    usual_input: ClassVar[Mapping[str, Any]] = {}
    """How such models are usually fed, where that differs from the defaults of
    :class:`streamvision.inference.model_card.InputCard`."""

    usual_names: ClassVar[tuple[str, ...] | None] = None
    """Class names of such models, where they are always the same."""
    usual_keypoints: ClassVar[KeypointCard | None] = None
    """Keypoints of such models, where they are always the same."""

    usual_box_unit: ClassVar[Literal["px", "normalized"]] = "px"
    """Unit of the boxes of such models."""
    coco_numbers: ClassVar[bool] = False
    """Whether such models of COCO number its classes with the gaps of its category ids, 90 in all."""

    @classmethod
    def usual_input_of(cls, outputs: Sequence[TensorSpec]) -> Mapping[str, Any]:
        """Return how models with these outputs are usually fed: :attr:`usual_input` but where the outputs say more."""
        return cls.usual_input

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return how many classes the outputs have room for; ``None`` where their shapes do not say."""
        return None

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether these shapes can only be this head's; used for models without any metadata.

        Most cannot: probabilities look like embeddings, and a picture like a map of three classes.
        """
        return False

    @abstractmethod
    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        """Prepare for one model.

        Raises:
            UnknownHeadError: when the outputs do not have this head's shape.
        """


class ObjectHead(Head):
    """Finds objects: candidates from all boxes first, and the rest only for those that suppression leaves."""

    @abstractmethod
    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture in the batch whose score reaches the threshold.

        A box is a candidate for its best class. With ``every_class`` it is one for each class whose score reaches the
        threshold, where the network's own library measures it so; average precision gains by it, viewers do not.
        """

    def complete(
        self, found: Candidates, outputs: Sequence[NDArray[Any]], *, index: int, letterbox: Letterbox
    ) -> Detections:
        """Return the candidates that are left, in the picture's own pixels, with all that the network says of them.

        Args:
            found: what suppression left of the picture's candidates, the best score first.
            outputs: of the call that the candidates came from.
            index: the picture's position in the batch.
            letterbox: where the picture lay in the network's input.

        Returns:
            One row for each candidate, in the same order.
        """
        return Detections(letterbox.to_picture(found.box_xyxy_px), found.score, found.class_id)


class PictureHead(Head):
    """Reads the picture as a whole."""

    @abstractmethod
    def read(self, outputs: Sequence[NDArray[Any]], letterboxes: Sequence[Letterbox]) -> list[ImageResult]:
        """Return the findings for each picture of the batch.

        Args:
            outputs: of the network, for at least ``len(letterboxes)`` pictures.
            letterboxes: where each picture lay in the network's input.
        """
