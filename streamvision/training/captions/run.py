"""Trains the captioner to describe pictures in sentences.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

from streamvision.checkpoints.captioner import OF_WORDS, Captioner, CaptionerSource, word_losses
from streamvision.datasets.dataset import CaptionedPictures
from streamvision.evaluation.captions.evaluate import evaluate_captions
from streamvision.training.captions.data import longest_of
from streamvision.training.captions.samples import CaptionSamples
from streamvision.training.torch_run import TorchRun


class CaptionRun(TorchRun):
    """One run of a captioner. ``freeze`` counts the levels of its encoder."""

    task = "caption"
    figure = "bleu4"

    def _read_samples(self) -> CaptionSamples:
        self._longest = longest_of(self._data.train)
        return CaptionSamples(
            self._data.train, side_px=self._recipe.imgsz, names=self._data.names, longest=self._longest
        )

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        network = Captioner(len(self._data.names), self._longest)
        beginning = self._begin(network, weights, head=OF_WORDS)
        # A CPU convolves twice as fast in this order of bytes.
        return network.to(memory_format=torch.channels_last), beginning

    def _blocks(self) -> list[Any]:
        return list(self._model.levels)

    def _loss(self, batch: Any) -> Any:
        pictures, words = (tensor.to(self._device) for tensor in batch)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            losses = word_losses(self._model, pictures, words, label_smoothing=self._recipe.label_smoothing)
        return losses.mean()

    def _validate(self) -> dict[str, float]:
        source = CaptionerSource(
            self._model,
            path=self._folder.last,
            names=self._data.names,
            size_px=self._samples.size_px,
            beginning=self.beginning,
        )
        # Measured as the finished file will be: by the words that it writes, not by those that it is told.
        with self._as_file(source, dynamic_batch=True) as writer:
            result = evaluate_captions(writer, CaptionedPictures((), self._data.val))
        figures = {"bleu4": result.bleu4 or 0.0}
        if result.facts is not None:
            figures["facts_f1"] = result.facts["all"].f1 or 0.0
        return figures | {"val_loss_word": math.log(result.perplexity or math.inf)}
