"""Trains a DCGAN of squares: a generator, and a discriminator that tells its pictures from real ones.

After Radford, Metz and Chintala ("Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
Networks", ICLR 2016): their layers, beginning and optimizer. What is known to keep it stable with few pictures is
different: the discriminator's layers have their spectral norm divided out (Miyato et al., ICLR 2018) in place of
statistics of batches, which tell it whole batches apart; it sees both kinds of pictures through the same random
changes, whose gradients reach the generator (:mod:`.differentiable`), so that it cannot learn the few real ones by
heart; and what is kept and measured is the average of the generator's weights (Yazici et al., ICLR 2019), which does
not swing with it.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from streamvision.checkpoints.dcgan import LATENTS, WIDTHS, dcgan_generator
from streamvision.checkpoints.latent_decoder import STRIDE_PX
from streamvision.core.errors import ConfigError
from streamvision.training.discriminator import BETAS, SLOPE, Discriminator
from streamvision.training.generators.differentiable import changed
from streamvision.training.generators.run import GeneratorRun
from streamvision.training.generators.samples import PlainSamples
from streamvision.training.weight_average import WeightAverage

LEAST_LEARNT = 16
"""Pictures to learn from; a discriminator knows fewer by heart whatever is done to them."""
AVERAGE_EPOCHS = 10.0
"""Over about how many epochs the weights are averaged, unless the recipe says otherwise."""
SURE_LOSS = 0.02
"""Of the discriminator, below which it tells each picture: the generator then learns nothing."""
LEAST_VARIETY = 0.2
"""As a share of held-out pictures' variety, below which all drawn pictures are nearly the same."""
EARLY_SHARE = 0.2
"""Of the epochs, in which nothing is said: at first all pictures are nearly the same."""
_DEVIATION = 0.02
"""Of weights at the beginning, as in the paper."""


class DcganRun(GeneratorRun):
    """One run of a DCGAN. ``freeze`` counts the levels of its generator."""

    task = "generate"
    figure = "frechet_distance"
    betas = BETAS
    _made: Any = None
    """(N, 3, S, S) what the generator has drawn in this step."""
    _has_collapsed = False

    def _read_samples(self) -> PlainSamples:
        if len(self._data.train) < LEAST_LEARNT:
            raise ConfigError(
                f"{self._recipe.data} has {len(self._data.train)} pictures to learn from, which a discriminator "
                f"knows by heart at once; give {LEAST_LEARNT} at least, some hundreds if possible, or try --model vae"
            )
        return super()._read_samples()

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        network = dcgan_generator(self._recipe.imgsz).apply(_begin_small)
        beginning = self._begin(network, weights, head=())
        self._discriminator = Discriminator(
            _discriminator_network(self._recipe.imgsz), self._device, lr=self._recipe.lr
        )
        steps = max(1, -(-sum(self._data.repeats) // self._recipe.batch))
        horizon_steps = max(1, round((self._recipe.average_epochs or AVERAGE_EPOCHS) * steps))
        self._average = WeightAverage(network, horizon_steps=horizon_steps)
        return network, beginning

    def _blocks(self) -> list[Any]:
        return [self._model.spread, *self._model.up]

    def _train_epoch(self, epoch: int, epochs: int) -> tuple[float, float]:
        self._discriminator_losses: list[float] = []  # of the steps of this epoch
        return super()._train_epoch(epoch, epochs)

    def _loss(self, batch: Any) -> Any:
        self._made = self._model(torch.randn(len(batch), LATENTS, device=self._device))
        return self._discriminator.against(changed(self._made * 2 - 1))

    def _step(self, batch: Any, rate: float) -> float:
        loss = super()._step(batch, rate)
        made, real = (changed(pictures.to(self._device) * 2 - 1) for pictures in (self._made.detach(), batch))
        self._discriminator_losses.append(self._discriminator.learn(made, real, rate=rate))
        return loss

    def _beside(self) -> dict[str, Any]:
        return {"discriminator": self._discriminator.state()}

    def _take_up(self, state: dict[str, Any]) -> None:
        self._discriminator.take_up(state["discriminator"])

    @torch.inference_mode()
    def _validate(self) -> dict[str, float]:
        assert self._average is not None
        discriminator_loss = sum(self._discriminator_losses) / len(self._discriminator_losses)
        figures = self._measure_drawn(self._average.network, latents=LATENTS)
        self._watch(discriminator_loss, figures["variety"])
        return {**figures, "discriminator_loss": discriminator_loss}

    def _watch(self, discriminator_loss: float, variety: float) -> None:
        """Say once that the training has collapsed, and again when it does so after a recovery."""
        if self._epochs_done < EARLY_SHARE * self._recipe.epochs:
            return
        signs = []
        if discriminator_loss < SURE_LOSS:
            signs.append(f"the discriminator tells each drawn picture (its loss is {discriminator_loss:.3f})")
        if variety < LEAST_VARIETY:
            signs.append(f"drawn pictures are nearly all the same (variety {variety:.2f} of the held-out ones')")
        if signs and not self._has_collapsed:
            self._progress.say(
                f"Collapsed in epoch {self._epochs_done + 1}: {' and '.join(signs)}; it may recover, else give less "
                f"than --lr {self._recipe.lr:g}, or more pictures."
            )
        self._has_collapsed = bool(signs)


def _discriminator_network(side_px: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    widths = (3, *WIDTHS[::-1])
    for inputs, outputs in pairwise(widths):
        layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)), nn.LeakyReLU(SLOPE)]
    cells = widths[-1] * (side_px // STRIDE_PX) ** 2
    return nn.Sequential(*layers, nn.Flatten(), spectral_norm(nn.Linear(cells, 1)))


def _begin_small(module: nn.Module) -> None:
    """Draw the first weights of a layer as the paper does; for the discriminator's their size makes no difference."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, _DEVIATION)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, _DEVIATION)
