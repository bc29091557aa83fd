"""What the heads have in common that read objects which the file itself has selected, each from tensors of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.heads.layout import (
    F32,
    NamedClasses,
    box_scale,
    finite_candidates,
    unknown_outputs,
)
from streamvision.inference.model_card import ModelCard
from streamvision.inference.tensors import TensorSpec


class Rows(NamedTuple):
    """The objects of one picture."""

    box: NDArray[Any]
    """(N, 4) left, top, right, bottom in the unit of the card."""
    score: NDArray[Any]
    """(N,) confidence."""
    class_id: NDArray[Any]
    """(N,) class, from 0 without a background."""


class SelectedObjectsHead(ObjectHead):
    """Objects without duplicates; ``every_class`` changes nothing, since the network has chosen boxes and classes.

    Args:
        card: the model's card.
        outputs: all outputs of the model.

    Raises:
        UnknownHeadError: when they are not this head's.
    """

    selected: ClassVar[bool] = True
    meaning: ClassVar[str]
    """The outputs in words, for messages."""

    def __init__(self, card: ModelCard, outputs: Sequence[TensorSpec]) -> None:
        found = self._positions(outputs)
        if found is None:
            raise unknown_outputs(card, outputs, f"reads {self.meaning}")
        self._at = found
        self._scale: F32 = box_scale(card)
        self._named = NamedClasses(card)

    @classmethod
    @abstractmethod
    def _positions(cls, outputs: Sequence[TensorSpec]) -> tuple[int, ...] | None:
        """Return which outputs are read, in this head's order; ``None`` where they are not its own."""

    @abstractmethod
    def _pictures(self, tensors: Sequence[NDArray[Any]]) -> Iterable[Rows]:
        """Return the objects of each picture from the tensors at :meth:`_positions`."""

    def decode(
        self, outputs: Sequence[NDArray[Any]], *, score_threshold: float, every_class: bool = False
    ) -> list[Candidates]:
        """Return the objects of each picture in the batch whose score reaches the threshold."""
        found = []
        for rows in self._pictures([outputs[at] for at in self._at]):
            likely = np.flatnonzero((rows.score >= score_threshold) & (rows.score > 0))
            chosen = likely[self._named.among(rows.class_id[likely])]
            box, score = (values[chosen].astype(np.float32, copy=False) for values in (rows.box, rows.score))
            found.append(finite_candidates(box, score, rows.class_id[chosen].astype(np.int32), scale=self._scale))
        return found


def used_rows(count: NDArray[Any]) -> slice:
    """Return the rows that count, by their number as the network gives it; no number is none."""
    number = float(np.max(count, initial=0))
    return slice(0, round(number) if np.isfinite(number) else 0)


def by_names(outputs: Sequence[TensorSpec], *words: Sequence[str]) -> tuple[int, ...] | None:
    """Return the only output for each group of words whose name holds one of them; ``None`` where one is missing."""
    found = []
    for group in words:
        alike = [i for i, output in enumerate(outputs) if any(word in output.name.lower() for word in group)]
        if len(alike) != 1:
            return None
        found.append(alike[0])
    return tuple(found) if len(set(found)) == len(found) else None
