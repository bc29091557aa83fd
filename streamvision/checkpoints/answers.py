"""Classifiers that give numbers beside the class: one network, whose last layer has a result for each.

Of its K + N results the first K are the logits of the classes (none where there are numbers alone), the others the
numbers, each less its mean and divided by its standard deviation over the pictures that were learnt from.

Outputs, for head ``several``: ``probabilities`` (B, K) float32 after softmax, and for each number an output (B, 1)
float32 in its own unit, called as it is. This file imports torch; see
:func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from streamvision.checkpoints.base import NO_CLASS, StoredRun, TorchSource, chosen_names
from streamvision.checkpoints.restoring import fresh
from streamvision.checkpoints.torchvision import input_card
from streamvision.checkpoints.torchvision_build import TorchvisionNetwork, build_run
from streamvision.core.errors import ModelError
from streamvision.inference.model_card import MOST_KNOWN, InputCard, KnownCard, ModelCard, NumberCard

ABOUT = "answers"
"""Key under which checkpoints hold what their networks answer; see :meth:`Answers.to_checkpoint`."""


@dataclass(frozen=True)
class Answers:
    """What a network answers."""

    names: tuple[str, ...]
    """Class names by class id; none where there are numbers alone."""
    class_column: str | None
    """What the class is of."""
    numbers: tuple[NumberCard, ...]
    """The numbers."""
    mean: tuple[float, ...]
    """Of each number, in its unit."""
    deviation: tuple[float, ...]
    """Standard deviation of each number, in its unit; above 0."""
    known: tuple[KnownCard, ...] = ()
    """Numbers that the network is given beside each picture."""
    stretches: bool = False
    """Whether it sees whole pictures, stretched to a square, in place of the square in their middle."""

    def to_checkpoint(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "names": list(self.names),
            "class_column": self.class_column,
            "numbers": [number.model_dump() for number in self.numbers],
            "mean": list(self.mean),
            "deviation": list(self.deviation),
            "known": [one.model_dump() for one in self.known],
            "stretches": self.stretches,
        }

    @classmethod
    def of_checkpoint(cls, stored: Any, path: Path) -> Answers:
        """Return what a checkpoint says.

        Raises:
            ModelError: when it says something else.
        """
        try:
            numbers = tuple(NumberCard.model_validate(number) for number in stored["numbers"])
            mean, deviation = (tuple(float(value) for value in stored[key]) for key in ("mean", "deviation"))
            known = tuple(KnownCard.model_validate(one) for one in stored.get("known", ()))
            names, of = tuple(map(str, stored["names"])), stored["class_column"]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path} does not say what its network answers; give the best.pt of a run") from error
        if not (len(numbers) == len(mean) == len(deviation) and numbers and len(names) != 1):
            raise ModelError(f"{path} has {len(numbers)} numbers and {len(names)} classes, which no run leaves")
        if len(known) > MOST_KNOWN:
            raise ModelError(
                f"{path} is given {len(known)} numbers beside a picture, and a run gives {MOST_KNOWN} at most"
            )
        stretches = bool(stored.get("stretches", False))
        return cls(names, None if of is None else str(of), numbers, mean, deviation, known, stretches)


class AnswersSource(TorchSource):
    """A trained network with several answers, as ``streamvision train`` leaves it.

    Args:
        described: the classifier and what is known of it.
        answers: what its results mean.
        path: where its weights are from.
        names: class names that override the known ones.
        size_px: (width, height) of the input; ``None`` for the network's own.
    """

    def __init__(
        self,
        described: TorchvisionNetwork,
        answers: Answers,
        *,
        path: Path,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
    ) -> None:
        self._network, self._answers = described.network, answers
        card = ModelCard(
            task="classify",
            head="several",
            names=chosen_names(answers.names or NO_CLASS, names, path),
            input=_fed(input_card(described), answers),
            numbers=answers.numbers,
            source=f"{described.title}, {described.beginning}",
        )
        outputs = (*(("probabilities",) if answers.names else ()), *_output_names(answers.numbers))
        super().__init__(path=path, card=card, output_names=outputs, size_px=size_px)

    @classmethod
    def of_run(cls, run: StoredRun) -> AnswersSource:
        """Open what the ``best.pt`` or ``last.pt`` of a run holds.

        Raises:
            ModelError: when the tensors are not those of its architecture.
            UntrustedError: when that is code of the user's and not trusted.
        """
        answers = Answers.of_checkpoint(run.stored[ABOUT], run.path)
        of_classes = {**run.stored, "names": answers.names}
        described = build_run(of_classes, run.path, trusted=run.trusted, besides=len(answers.numbers))
        return cls(described, answers, path=run.path, names=run.names, size_px=run.size_px)

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; ``dynamic_size`` makes no difference to it."""
        network = fresh(self._network)
        return _Answering(network, self._answers).eval()


def _fed(card: InputCard, answers: Answers) -> InputCard:
    """Return how a classifier is fed that is given numbers, or sees whole pictures."""
    changes: dict[str, Any] = {"known": answers.known}
    if answers.stretches:
        # The bicubic kernel is the one that does not pass over pixels of a large picture.
        changes |= {"resize": "stretch", "sampling": "bicubic", "crop_short_side_px": None}
    return card.model_copy(update=changes)


class _Answering(nn.Module):
    def __init__(self, network: nn.Module, answers: Answers) -> None:
        super().__init__()
        self.network = network
        self._classes = len(answers.names)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(answers.mean))
        self.register_buffer("deviation", torch.tensor(answers.deviation))

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        results = self.network(pictures)
        numbers = tuple(
            self._column(results, self._classes + at) * self.deviation[at] + self.mean[at]
            for at in range(len(self.mean))
        )
        return (results[:, : self._classes].softmax(dim=1), *numbers) if self._classes else numbers

    @staticmethod
    def _column(results: Tensor, at: int) -> Tensor:
        # Core ML's converter knows no slice that is the whole.
        return results if results.shape[1] == 1 else results[:, at : at + 1]


def _output_names(numbers: Sequence[NumberCard]) -> tuple[str, ...]:
    """Return names that every format takes: letters of ASCII, digits and underscores, each once."""
    names: list[str] = []
    for at, number in enumerate(numbers):
        plain = re.sub(r"\W+", "_", number.name, flags=re.ASCII).strip("_")
        taken = not plain or plain[0].isdigit() or plain in (*names, "probabilities")
        names.append(f"number_{at}" if taken else plain)
    return tuple(names)
