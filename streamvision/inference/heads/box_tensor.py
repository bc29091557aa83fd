"""What the heads have in common that read one tensor of boxes; such a head says only what its rows and columns are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence, Set
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, UnknownHeadError
from streamvision.inference.backends.base import TensorSpec
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.layout import F32, box_scale, box_tensor, describe_outputs, input_size_px
from streamvision.inference.model_card import ModelCard


class BoxTensorHead(ObjectHead):
    """A :class:`streamvision.inference.heads.base.Head` for the only output with three axes, checked against a shape.

    Args:
        card: the model's card.
        outputs: all outputs of the model.
        expected: for each axis a size, several possible sizes, or ``None`` where any size will do.
        meaning: the expected shape in words, for messages.

    Raises:
        UnknownHeadError: when the outputs cannot have that shape.
    """

    class_axis: ClassVar[tuple[int, int] | None] = None
    """The axis that holds the classes, and how many other values stand there, where the shape says it."""

    def __init__(
        self, card: ModelCard, outputs: Sequence[TensorSpec], *, expected: Sequence[int | Set[int] | None], meaning: str
    ) -> None:
        self._scale = box_scale(card)  # for networks that give finished boxes
        self._expected = [{want} if isinstance(want, int) else want for want in expected]
        self._meaning = f"head {card.head!r} with {len(card.names)} classes reads {meaning}"
        position = box_tensor(outputs)
        if position is None or not self._fits(outputs[position].shape):
            raise UnknownHeadError(
                f"the model's outputs are {describe_outputs(outputs)}, but {self._meaning}; "
                "give the head and the class names that belong to this model"
            )
        self._position = position

    @staticmethod
    @abstractmethod
    def _settles(size_px: tuple[int, int], rows: int | None, columns: int | None) -> bool:
        """Say whether a tensor (batch, rows, columns) for inputs of this (width, height) can only be this head's."""

    @abstractmethod
    def _decode_picture(self, rows: F32, score_threshold: float, every_class: bool) -> Candidates:
        """Return the candidates of one picture from its part (rows, columns) of the tensor."""

    @classmethod
    def class_count(cls, outputs: Sequence[TensorSpec]) -> int | None:
        """Return how many classes the tensor has room for; ``None`` where its shape does not say."""
        position = box_tensor(outputs)
        if position is None or cls.class_axis is None:
            return None
        axis, others = cls.class_axis
        size = outputs[position].shape[axis]
        return size - others if size is not None and size > others else None

    @classmethod
    def matches(cls, input_spec: TensorSpec, outputs: Sequence[TensorSpec]) -> bool:
        """Say whether these shapes can only be this head's; used for models without any metadata."""
        size_px, position = input_size_px(input_spec), box_tensor(outputs)
        if size_px is None or position is None or any(len(output.shape) == 4 for output in outputs):
            return False  # maps beside the boxes: the columns are not boxes and classes alone
        _, rows, columns = outputs[position].shape
        return cls._settles(size_px, rows, columns)

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the candidates of each picture in the batch whose score reaches the threshold.

        Raises:
            ModelError: when a dynamic axis has turned out in a size that does not fit.
        """
        tensor = outputs[self._position]
        if tensor.ndim != 3 or not self._fits(tensor.shape):
            raise ModelError(f"the model returned {tensor.shape}, but {self._meaning}; check the exported file")
        pictures = tensor.astype(np.float32, copy=False)
        return [self._decode_picture(rows, score_threshold, every_class) for rows in pictures]

    def _fits(self, shape: Sequence[int | None]) -> bool:
        pairs = zip(self._expected, shape, strict=True)
        return all(want is None or have is None or have in want for want, have in pairs)
