"""Trains a network that paints pictures in one style.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from streamvision.checkpoints.feature_network import open_features
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import PairedPictures
from streamvision.evaluation.style import Style, evaluate_style
from streamvision.training.pictures.choices import style_weight
from streamvision.training.pictures.run import PictureRun

SMOOTHNESS = 0.1
"""Weight of the total variation, where the difference in content has 1."""


class StyleRun(PictureRun):
    """One run of a network that paints in a style: content, style and total variation (Johnson et al., ECCV 2016)."""

    figure = "style_gain"

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        if self._recipe.style is None:
            raise ConfigError("model style learns the style of a picture; give --style PICTURE")
        network, beginning = super()._build(weights)
        features = open_features(self._recipe.features, trusted=self._trusted).to(self._device)
        self._style = Style(self._recipe.style, features)
        return network, f"{beginning}, style of {self._recipe.style.name} by {features.name}"

    def _loss(self, batch: Any) -> Any:
        given = batch[0].to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            made = self._model(given.contiguous(memory_format=torch.channels_last))
        made = made.float()
        content, style = self._style.losses(made, given)
        return content + style_weight(self._recipe) * style + SMOOTHNESS * _total_variation(made)

    def _validate(self) -> dict[str, float]:
        with self._as_runtime() as detector:
            result = evaluate_style(detector, PairedPictures(self._data.names, self._data.val), self._style)
        weight = style_weight(self._recipe)
        content, style, plain = (result.mean(figure) for figure in ("content", "style", "plain_style"))
        gain = 1 - (content + weight * style) / (weight * plain)
        return {"val_loss_content": content, "val_loss_style": style, "style_gain": gain}


def _total_variation(pictures: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbours, which grows with noise (Rudin, Osher and Fatemi, 1992)."""
    down, right = (pictures.diff(dim=axis).abs().mean() for axis in (2, 3))
    return down + right
