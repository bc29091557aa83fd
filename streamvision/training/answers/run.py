"""Trains a network that gives a class and numbers at once: any classifier, with a result more for each number.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from streamvision.checkpoints.answers import ABOUT, AnswersSource
from streamvision.checkpoints.torchvision_build import as_classifier, class_tensors, normalisation
from streamvision.core.errors import ConfigError
from streamvision.evaluation.answers import evaluate_answers
from streamvision.training.answers.data import AnswersData
from streamvision.training.answers.loss import answer_losses, weighted_sum
from streamvision.training.answers.samples import AnswerSamples
from streamvision.training.figures import MAE, R2
from streamvision.training.torch_run import TorchRun, begin_from, flattened, forget_statistics_soon
from streamvision.training.torchvision_run import build_classifier, set_dropout


class AnswersRun(TorchRun):
    """One run of a network with several answers. ``freeze`` counts all its layers but the last."""

    task = "answers"
    figure = "skill"
    _data: AnswersData

    def _read_samples(self) -> AnswerSamples:
        return AnswerSamples(self._data.train, side_px=self._recipe.imgsz, answers=self._data.answers)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        recipe, answers = self._recipe, self._data.answers
        self._weights = _weights(recipe.answer_weights, self._data.as_set(()).columns)
        self._classes = len(answers.names)
        results = self._classes + len(answers.numbers)
        network = build_classifier(recipe.model, classes=results, side_px=recipe.imgsz)
        own = class_tensors(recipe.model)
        self._backbone = [
            block
            for name, block in flattened(network)
            if not any(f"{name}.{key}" in own for key, _ in block.named_parameters())
        ]
        if recipe.dropout is not None:
            set_dropout(network, recipe.dropout, before=network.get_submodule(next(iter(own)).rpartition(".")[0]))
        forget_statistics_soon(network)
        beginning = begin_from(network, weights, head=own, partial=recipe.partial_weights, trusted=self._trusted)
        self._mean, self._std = (
            torch.tensor(each, device=self._device)[:, None, None] for each in normalisation(recipe.model)
        )
        return network.to(memory_format=torch.channels_last), beginning

    def _blocks(self) -> list[Any]:
        return self._backbone

    def _loss(self, batch: Any) -> Any:
        pictures, classes, numbers = (tensor.to(self._device) for tensor in batch)
        pictures = ((pictures - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            results = self._model(pictures).float()
        return weighted_sum(answer_losses(results, classes, numbers, class_count=self._classes), self._weights)

    def _about(self) -> dict[str, Any]:
        return {ABOUT: self._data.answers.to_checkpoint()}

    def _validate(self) -> dict[str, float]:
        answers = self._data.answers
        described = as_classifier(
            self._recipe.model,
            self._model,
            names=answers.names,
            side_px=self._recipe.imgsz,
            beginning=self.beginning,
        )
        # Measured as the finished file will be, by the runtime's own way from the picture to the answers.
        with self._as_file(AnswersSource(described, answers, path=self._folder.last)) as detector:
            result = evaluate_answers(detector, self._data.as_set(self._data.val))
        figures = {"skill": float("nan") if result.skill is None else result.skill}
        if result.of_class is not None:
            figures |= {"top1": result.of_class.accuracy, "f1": result.of_class.f1}
        for number in result.numbers:
            figures[f"{MAE}{number.title}"] = number.mae
            if number.r2 is not None:
                figures[f"{R2}{number.card.name}"] = number.r2
        return figures


def _weights(given: dict[str, float], columns: tuple[str, ...]) -> list[float]:
    """Return the weight of each answer's loss, 1 where the recipe gives none.

    Raises:
        ConfigError: when the recipe weighs what is not learnt.
    """
    if unknown := [name for name in given if name not in columns]:
        raise ConfigError(
            f"answer_weights: {unknown[0]!r} is not learnt; known are {', '.join(columns)}, which --answers chooses"
        )
    return [given.get(name, 1.0) for name in columns]
