"""What measures networks that make pictures of pictures, by the options that the command and Python take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import PairedPictures
from streamvision.datasets.picture_pairs import read_made_worse, read_measured_pairs
from streamvision.evaluation.images import evaluate_images
from streamvision.evaluation.predictions import Measurement


@dataclass(frozen=True, kw_only=True)
class PictureMeasuring:
    """How such a network is measured."""

    noise: float | None = None
    """Standard deviation of the noise that pictures are given, in levels of 0..255."""
    shrink: int | None = None
    """How many times smaller the network is given the pictures."""
    reverse: bool = False
    """Whether it is given the targets of pairs, and is to give their inputs."""
    lpips: str | Path | None = None
    """Weights of LPIPS, which is then measured, too; see :class:`~.perceptual.Lpips`."""
    features: str | Path | None = None
    """Network whose features are compared; see :func:`~.feature_network.open_features`."""
    nearest_colour: bool = False
    """Whether pictures are maps of classes, of which the nearest colour of each pixel counts, too."""
    style: Path | None = None
    """Picture whose style is to be painted; measured in place of all that needs a truth."""

    def opened(self, data: Path, *, trusted: bool) -> tuple[Callable[..., Measurement], PairedPictures]:
        """Return what measures a model on pictures, and the pictures.

        Args:
            data: their folder.
            trusted: whether a checkpoint may run its author's code.

        Raises:
            ConfigError: when options contradict each other or do not fit the folder, or a file is not there.
            ModelError: when a network cannot be read.
            SourceError: when the style cannot be read.
            MissingDependencyError: when torch or lpips is needed and not installed.
        """
        if self.style is not None:
            return self._of_style(self.style, trusted=trusted), read_made_worse(data)
        distances = {}
        if self.lpips is not None or self.features is not None:
            import_torch()
            from streamvision.evaluation.perceptual import open_distances

            distances = open_distances(self.lpips, self.features, trusted=trusted)
        pictures = read_measured_pairs(data, noise=self.noise, shrink=self.shrink, reverse=self.reverse)
        return partial(evaluate_images, distances=distances, nearest_colour=self.nearest_colour), pictures

    def _of_style(self, path: Path, *, trusted: bool) -> Callable[..., Measurement]:
        need_truth = ("noise", "shrink", "reverse", "lpips", "nearest_colour")
        if useless := [name for name in need_truth if getattr(self, name) not in (None, False)]:
            raise ConfigError(f"a style has no truth to compare with; leave {' and '.join(useless)} out")
        import_torch()
        from streamvision.checkpoints.feature_network import open_features
        from streamvision.evaluation.style import Style, evaluate_style

        return partial(evaluate_style, style=Style(path, open_features(self.features, trusted=trusted)))
