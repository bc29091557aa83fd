"""Input sizes of one model: which size each picture is given, and the buffer and the head that belong to it.

A model of free size sees a 16:9 camera as 640x384, not in a square of which a third is border. Measured with YOLOv8n,
that takes 0.65 of the square's time. Pictures of one size share a call. Where the graph resizes whole
pictures, the sizes are the pictures' own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelLocation
from streamvision.core.picture import Picture
from streamvision.inference.backends.base import Backend
from streamvision.inference.heads.base import ObjectHead, PictureHead
from streamvision.inference.heads.registry import create_head
from streamvision.inference.letterbox import Letterbox, rounded_up, sized_input
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.picture_batch import PictureBatch
from streamvision.inference.preprocess import InputBatch
from streamvision.inference.tensors import TensorSpec

MAX_SIZES = 16
"""Sizes whose buffers are kept, parts of pictures included; one call of 16 pictures of 640x640 takes 79 MB."""

MAX_WHOLE_SIZES = 4
"""Sizes of whole pictures whose buffers are kept; one call of 16 of 1920x1080 takes 50 MB, or 100 MB in BGR."""

MAX_PICTURE_SIZES = 64
"""Sizes of pictures for which the fitting input size is remembered."""

Size = tuple[int, int]
"""Width and height in pixels."""


class Call(NamedTuple):
    """Pictures that go through the network together."""

    size: Size
    """The size that they are given."""
    members: tuple[int, ...]
    """Their positions among all pictures."""


@dataclass(eq=False)
class SizedInput:
    """The buffer for inputs of one size, and the head that reads what the network makes of them."""

    card: ModelCard
    """The model's card with that size."""
    head: ObjectHead | PictureHead
    """What reads the outputs."""
    size: Size
    """The size of the inputs."""
    batch: InputBatch | PictureBatch = field(init=False)
    """The input tensor."""

    def __post_init__(self) -> None:
        self.batch = self._buffer(1 if self.card.input.dynamic_batch else self.card.input.batch)

    def _buffer(self, capacity: int) -> InputBatch | PictureBatch:
        if self.card.input.pixel_format is None:
            return InputBatch(self.card.input, capacity)
        return PictureBatch(self.card.input, capacity, width_px=self.size[0], height_px=self.size[1])

    def fill(self, pictures: Sequence[Picture]) -> list[Letterbox]:
        """Write pictures into the buffer, making it larger where it must be; return where they lie."""
        if len(pictures) > self.batch.capacity:
            self.batch = self._buffer(len(pictures))
        return [self.batch.put(index, picture) for index, picture in enumerate(pictures)]

    def execute(self, backend: Backend, count: int | None = None) -> list[NDArray[Any]]:
        """Run the model on the first ``count`` pictures of the buffer, by default on all, and return its outputs.

        Raises:
            ModelError: when the runtime refuses the tensor or fails.
        """
        tensor, companions = self.batch.tensor[:count], self.batch.companions(count or self.batch.capacity)
        return backend.run(tensor, companions) if companions else backend.run(tensor)


class InputSizes:
    """Buffers and heads by input size, those used last. One thread uses it at a time.

    Args:
        card: the model's card.
        outputs: the model's outputs.

    Raises:
        ModelError: when the card does not fit the model.
    """

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        self._card = card
        self._outputs = outputs
        self._kept: OrderedDict[Size, SizedInput] = OrderedDict()
        self._fitting = lru_cache(maxsize=MAX_PICTURE_SIZES)(partial(_fitting_size, card.input))
        self.of((card.input.width_px, card.input.height_px))

    def calls(
        self, pictures: Sequence[Picture], *, max_batch: int, sizes: Sequence[Size | None] | None = None
    ) -> list[Call]:
        """Return the calls that carry these pictures: one size a call, and as few of them as ``max_batch`` allows.

        Args:
            pictures: the pictures.
            max_batch: most of them in one call.
            sizes: the size that each is to be given; ``None`` for the one that fits its aspect.
        """
        members: dict[Size, list[int]] = {}
        for position, (picture, size) in enumerate(zip(pictures, sizes or [None] * len(pictures), strict=True)):
            members.setdefault(size or self._fitting(picture.width_px, picture.height_px), []).append(position)
        return [
            Call(size, tuple(positions[at : at + max_batch]))
            for size, positions in members.items()
            for at in range(0, len(positions), max_batch)
        ]

    def of(self, size: Size) -> SizedInput:
        """Return what belongs to a size, making it where it is new."""
        sized = self._kept.get(size)
        if sized is None:
            card = self._card
            if card.input.pixel_format is None:
                card = card.with_input(width_px=size[0], height_px=size[1])
            sized = self._kept[size] = SizedInput(card, create_head(card, self._outputs), size)
            if len(self._kept) > (MAX_SIZES if card.input.pixel_format is None else MAX_WHOLE_SIZES):
                self._kept.popitem(last=False)
        self._kept.move_to_end(size)
        return sized

    def clear(self) -> None:
        """Let go of all buffers."""
        self._kept.clear()

    def __len__(self) -> int:
        """Return how many sizes are kept."""
        return len(self._kept)


def _fitting_size(card: InputCard, width_px: int, height_px: int) -> Size:
    if card.pixel_format is not None:
        return width_px, height_px
    sized = sized_input(card, width_px, height_px)
    return sized.width_px, sized.height_px


def with_side(card: ModelCard, tensor: TensorSpec, path: ModelLocation, side_px: int) -> ModelCard:
    """Return the card with another side of its square input, rounded up to the stride.

    Raises:
        ModelError: when the model's input is of another size for good.
    """
    side_px = rounded_up(side_px, card.input.stride_px)
    if card.input.pixel_format is not None:
        if side_px in (card.input.width_px, card.input.height_px):
            return card
        raise ModelError(
            f"{path} resizes pictures to {card.input.width_px}x{card.input.height_px} px in its own graph, not to "
            f"{side_px}x{side_px}; leave out --imgsz, or export it with that size"
        )
    fixed = set(tensor.shape[2:] if card.input.layout == "nchw" else tensor.shape[1:3]) - {None}
    if fixed - {side_px}:
        raise ModelError(
            f"{path} takes pictures of {card.input.width_px}x{card.input.height_px} px only, not {side_px}x{side_px}; "
            "leave out --imgsz, or export it with that size"
        )
    return card.with_input(width_px=side_px, height_px=side_px, own_size=False)
