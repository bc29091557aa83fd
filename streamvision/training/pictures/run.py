"""Trains networks that make pictures of pictures.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from streamvision.checkpoints.feature_network import FeatureNetwork, feature_difference, open_features
from streamvision.checkpoints.picture_names import enlarges
from streamvision.checkpoints.picture_networks import picture_network
from streamvision.checkpoints.pictures import PictureSource
from streamvision.datasets.dataset import PairedPictures
from streamvision.evaluation.images import ImageEvaluation, evaluate_images
from streamvision.evaluation.perceptual import FeatureDistance
from streamvision.inference.model import Model
from streamvision.training.discriminator import Discriminator
from streamvision.training.figures import FEATURE_DISTANCE
from streamvision.training.pictures.choices import adversarial_weight, is_to_look_real
from streamvision.training.pictures.patch_discriminator import paired, patch_network
from streamvision.training.pictures.samples import PairSamples
from streamvision.training.report import LAST_EPOCH
from streamvision.training.torch_run import TorchRun


class PictureRun(TorchRun):
    """One run of a network that makes pictures of pictures, by the mean absolute difference of what it makes.

    Lim et al. (CVPRW 2017) and Zhao et al. ("Loss Functions for Image Restoration With Neural Networks", 2017) found
    that to end in sharper pictures, and higher PSNR too, than the squared difference. With a discriminator the last
    epoch counts as the best, since pictures that look real need not have a high PSNR.
    """

    task = "image"
    figure = "psnr_db"
    _discriminator: Discriminator | None = None
    _features: FeatureNetwork | None = None
    _seen: tuple[Any, Any, Any] | None = None
    """What the network was given in this step, what it made, and the truth."""

    @property
    def _adversarial(self) -> float:
        return adversarial_weight(self._recipe)

    def _read_samples(self) -> PairSamples:
        scale = enlarges(self._recipe.model)
        return PairSamples(self._data.train, side_px=self._recipe.imgsz, scale=scale)

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        network = picture_network(self._recipe.model)
        head = [f"last.{name}" for name in network.last.state_dict()]
        beginning = self._begin(network, weights, head=head)
        if is_to_look_real(self._recipe):
            self.figure = LAST_EPOCH
        if self._recipe.perceptual is not None:
            self._features = open_features(self._recipe.features, trusted=self._trusted).to(self._device)
            beginning += f", perceptual loss by {self._features.name}"
        if self._adversarial:
            self._discriminator = Discriminator(patch_network(), self._device, lr=self._recipe.lr)
        # A CPU convolves twice as fast in this order of bytes.
        return network.to(memory_format=torch.channels_last), beginning

    def _blocks(self) -> list[Any]:
        return list(self._model.blocks())

    def _loss(self, batch: Any) -> Any:
        given, target = (side.to(self._device) for side in batch)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            made = self._model(given.contiguous(memory_format=torch.channels_last))
        made = made.float()
        loss = torch.nn.functional.l1_loss(made, target)
        if self._features is not None and self._recipe.perceptual is not None:
            loss = loss + self._recipe.perceptual * feature_difference(self._features(made), self._features(target))
        if self._discriminator is None:
            return loss
        self._seen = given, made.detach(), target
        return loss + self._adversarial * self._discriminator.against(paired(given, made))

    def _step(self, batch: Any, rate: float) -> float:
        loss = super()._step(batch, rate)
        if self._discriminator is not None and self._seen is not None:
            given, made, truth = self._seen
            self._discriminator.learn(paired(given, made), paired(given, truth), rate=rate)
        return loss

    def _beside(self) -> dict[str, Any]:
        return {} if self._discriminator is None else {"discriminator": self._discriminator.state()}

    def _take_up(self, state: dict[str, Any]) -> None:
        if self._discriminator is not None:
            self._discriminator.take_up(state["discriminator"])

    def _validate(self) -> dict[str, float]:
        result = self._measured(PairedPictures(self._data.names, self._data.val))
        psnr_db, ssim = result.mean("psnr_db"), result.mean("ssim")
        gains = {"psnr_gain_db": psnr_db - result.mean("plain_psnr_db"), "ssim_gain": ssim - result.mean("plain_ssim")}
        distances = {name: result.mean(name) for name in result.distances}
        return {"psnr_db": psnr_db, "ssim": ssim, **gains, **distances}

    def _measured(self, pictures: PairedPictures) -> ImageEvaluation:
        distances = {} if self._features is None else {FEATURE_DISTANCE: FeatureDistance(self._features)}
        with self._as_runtime() as detector:
            return evaluate_images(detector, pictures, distances=distances)

    def _as_runtime(self) -> Model:
        """Open the network as the finished file will be, by the runtime's own way from picture to picture."""
        source = PictureSource(
            self._model,
            name=self._recipe.model,
            path=self._folder.last,
            size_px=self._samples.size_px,
            beginning=self.beginning,
            names=self._data.names,
        )
        return self._as_file(source, dynamic_size=True)
