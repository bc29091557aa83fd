"""Trains a variational autoencoder of squares.

What is learnt is the evidence lower bound of Kingma and Welling (2014). The pixels are normal about what the decoder
gives, with the one variance that fits best, which is the mean squared error itself (Rybkin, Daniilidis and Levine,
"Simple and Effective VAE Training with Calibrated Decoders", ICML 2021): no weight is left to be chosen between what is
seen and what is drawn.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from streamvision.checkpoints.vae import LATENTS, VariationalAutoencoder
from streamvision.training.generators.run import GeneratorRun

LEAST_MSE = 1e-6
"""Of values of 0..1: half of the steps between levels, below which the bound would be of rounding."""


class VaeRun(GeneratorRun):
    """One run of a variational autoencoder. ``freeze`` counts the levels of its encoder."""

    task = "image"
    figure = "elbo_bits"

    def _build(self, weights: Path | None) -> tuple[Any, str]:
        network = VariationalAutoencoder(self._recipe.imgsz)
        return network, self._begin(network, weights, head=())

    def _blocks(self) -> list[Any]:
        return list(self._model.encoder)[:-2]

    def _loss(self, batch: Any) -> Any:
        pictures = batch.to(self._device)
        mean, log_variance = self._model.encode(pictures)
        latents = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return -elbo(self._model.decoder(latents), pictures, mean, log_variance)[0]

    @torch.inference_mode()
    def _validate(self) -> dict[str, float]:
        self._model.eval()
        chance = torch.Generator().manual_seed(0)
        parts = []
        for batch in self._held_out.plain(batch=self._recipe.batch):
            pictures = batch.to(self._device)
            mean, log_variance = self._model.encode(pictures)
            noise = torch.randn(mean.shape, generator=chance).to(self._device)
            drawn = self._model.decoder(mean + noise * (log_variance / 2).exp())
            compared = (drawn, self._model.decoder(mean), self._mean_picture.expand_as(pictures))
            errors = (((one - pictures) ** 2).mean(dim=(1, 2, 3)) for one in compared)
            parts.append((*errors, divergence_nats(mean, log_variance)))
        of_drawn, error, naive, kl = (torch.cat(part) for part in zip(*parts, strict=True))
        bound = bound_nats(of_drawn.mean(), kl.mean(), values=self._mean_picture.numel())
        # A value's density is of a range of 0..1, its probability of one of 256 levels.
        return {
            "elbo_bits": float(bound) / math.log(2) - 8,
            "psnr_db": float(_psnr_db(error).mean()),
            "psnr_over_mean_db": float((_psnr_db(error) - _psnr_db(naive)).mean()),
            "kl_nats": float(kl.mean()),
            **self._measure_drawn(self._model.decoder, latents=LATENTS),
        }


def elbo(drawn: Tensor, pictures: Tensor, mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the evidence lower bound in nats a value, and the Kullback-Leibler divergence in nats a picture.

    Args:
        drawn: (N, 3, S, S) what the decoder gives of latent vectors that were drawn.
        pictures: (N, 3, S, S) what was encoded.
        mean: (N, L) of the latent vectors.
        log_variance: (N, L) of the latent vectors.
    """
    kl = divergence_nats(mean, log_variance).mean()
    return bound_nats(((drawn - pictures) ** 2).mean(), kl, values=pictures[0].numel()), kl


def divergence_nats(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return (N,) the Kullback-Leibler divergence of each picture's latent distribution from the normal one."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)


def bound_nats(mse: Tensor, kl: Tensor, *, values: int) -> Tensor:
    """Return the evidence lower bound in nats a value: of mean squared error, divergence, and values of a picture."""
    likelihood = -0.5 * (torch.log(2 * math.pi * mse.clamp(min=LEAST_MSE)) + 1)
    return likelihood - kl / values


def _psnr_db(mse: Tensor) -> Tensor:
    return -10 * torch.log10(mse.clamp(min=LEAST_MSE))
