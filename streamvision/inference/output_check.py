"""Whether outputs are what a head takes them for: scores within 0..1, and numbers at all.

A head that reads logits as scores finds nothing, or everything; a network that overflows in half precision gives no
numbers. Both look like an empty street.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.errors import ModelError, StreamVisionError
from streamvision.core.model_location import ModelLocation
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends.base import Backend
from streamvision.inference.grid_probe import drawn_picture
from streamvision.inference.heads.base import ObjectHead
from streamvision.inference.input_sizes import InputSizes
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import last_line

_SLACK = 0.05
"""Scores that were quantised to eight bits may lie this far beyond 0..1."""

logger = logging.getLogger(__name__)


def check_scores(backend: Backend, card: ModelCard, *, path: ModelLocation) -> None:
    """Run a model whose boxes are raw on a drawn picture and refuse scores that are none.

    Raises:
        ModelError: when a score lies outside of 0..1, or the runtime fails.
    """
    size = card.input.width_px, card.input.height_px
    sized = InputSizes(card, backend.outputs).of(size)
    if not isinstance(sized.head, ObjectHead) or sized.head.selected:
        return  # rows that are not in use may hold anything
    sized.fill([BgrPicture(np.ascontiguousarray(drawn_picture(*size)[..., ::-1]))])
    outputs = sized.execute(backend)
    with reading_outputs(path):
        (found, *_) = sized.head.decode(outputs, score_threshold=-np.inf)
    if len(found) and not -_SLACK <= found.score.min() <= found.score.max() <= 1 + _SLACK:
        raise _not_scores(path, float(found.score.min()), float(found.score.max()))


@contextmanager
def reading_outputs(path: ModelLocation) -> Iterator[None]:
    """Turn what a head stumbles over within into a sentence: outputs that are shorter than they should be, for one.

    Raises:
        ModelError: when it does.
    """
    try:
        yield
    except StreamVisionError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} gives other outputs than its card says ({last_line(error)}); export it again, or give the right "
            "--head"
        ) from error


def _not_scores(path: ModelLocation, lowest: float, highest: float) -> ModelError:
    return ModelError(
        f"{path} gives scores from {lowest:.3g} to {highest:.3g} and not in 0..1: they are logits, "
        "integers that were not scaled back, or another layout; export it with its sigmoid, or give the right --head"
    )


def note_without_numbers(pictures: int) -> tuple[str, ...]:
    """Return what is said of so many pictures whose outputs were no numbers; nothing of none."""
    said = f"On {pictures} pictures the model gave values that are no numbers, so nothing was found there."
    return (said,) if pictures else ()


class OutputCheck:
    """Watches the outputs of a model while it is used.

    Args:
        path: the model's file, for messages.
    """

    def __init__(self, path: ModelLocation) -> None:
        self._path = path
        self.pictures_without_numbers = 0
        """On how many pictures nothing was found and the outputs held an infinity or NaN."""

    def check_numbers(self, outputs: Sequence[NDArray[Any]], index: int) -> None:
        """Count a picture on which nothing was found where its outputs hold an infinity or NaN; say the first one.

        Args:
            outputs: of the call that the picture went through.
            index: its position in the batch.
        """
        floats = [one[index : index + 1] if len(one) > index else one for one in outputs if one.dtype.kind == "f"]
        # A sum is finite only where each value is, and costs half of looking at each.
        if all(np.isfinite(one.sum(dtype=np.float32)) or np.isfinite(one).all() for one in floats):
            return
        self.pictures_without_numbers += 1
        if self.pictures_without_numbers == 1:
            logger.warning(
                "%s gives values that are no numbers (NaN or infinite), so nothing is found on such pictures; "
                "they are counted; use another precision or check the file",
                self._path,
            )

    def check_best(self, score: NDArray[np.float32]) -> None:
        """Refuse scores, the best first, that cannot be any.

        Raises:
            ModelError: when the best one is above 1.
        """
        if len(score) and score[0] > 1 + _SLACK:
            raise _not_scores(self._path, float(score[-1]), float(score[0]))
