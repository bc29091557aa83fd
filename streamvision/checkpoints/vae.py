"""A small variational autoencoder of squares (Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014).

The encoder gives the mean and the logarithm of the variance of each number of a latent vector, the decoder the picture
of one. As a model of a picture it gives the picture that the mean stands for (head ``image``); the decoder by itself is
the generator. Output: ``picture`` (B, 3, S, S) float32 RGB of 0..1.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from streamvision.checkpoints.base import NO_CLASS, StoredRun, TorchSource, chosen_names
from streamvision.checkpoints.generator_names import VAE
from streamvision.checkpoints.latent_decoder import STRIDE_PX, LatentDecoder, side_of_run
from streamvision.checkpoints.restoring import AsTuple, filled, fresh, how_trained
from streamvision.core.errors import ExportError
from streamvision.inference.model_card import InputCard, ModelCard

LATENTS = 32
"""Numbers of a latent vector."""
WIDTHS = (32, 64, 128)
"""Channels from level to level of the encoder, each of half the size."""


class VariationalAutoencoder(nn.Module):
    """(N, 3, S, S) RGB of 0..1 to latent vectors and back; 0.9 million parameters at 32 px.

    Args:
        side_px: of the squares, a multiple of :data:`~.latent_decoder.STRIDE_PX`.
    """

    def __init__(self, side_px: int) -> None:
        super().__init__()
        self.image_size = side_px
        down = [_down(*pair) for pair in zip((3, *WIDTHS[:-1]), WIDTHS, strict=True)]
        cells = WIDTHS[-1] * (side_px // STRIDE_PX) ** 2
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(cells, 2 * LATENTS))
        self.decoder = LatentDecoder(side_px, latents=LATENTS, widths=WIDTHS[::-1])

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of the latent vectors, (N, LATENTS) each."""
        mean, log_variance = self.encoder(pictures).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the pictures that the means of the latent vectors stand for."""
        made: Tensor = self.decoder(self.encode(pictures)[0])
        return made


def _down(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class VaeSource(TorchSource):
    """A trained variational autoencoder, as ``streamvision train --model vae`` leaves it.

    Args:
        network: the network.
        path: where its weights are from.
        names: classes of the pictures that it has learnt from.
        size_px: (width, height) of the input; its own or ``None``.
        beginning: where its weights are from, in words.

    Raises:
        ExportError: when another size is asked for.
    """

    latents = LATENTS

    def __init__(
        self,
        network: VariationalAutoencoder,
        *,
        path: Path,
        names: tuple[str, ...],
        size_px: tuple[int, int] | None,
        beginning: str,
    ) -> None:
        side_px = network.image_size
        if size_px not in (None, (side_px, side_px)):
            raise ExportError(f"{path} has learnt squares of {side_px} px and takes no other size; leave out --imgsz")
        self._network, self.side_px = network, side_px
        of_input = InputCard(
            width_px=side_px, height_px=side_px, resize="crop_center", crop_short_side_px=side_px, stride_px=STRIDE_PX
        )
        card = ModelCard(task="image", head="image", names=names, input=of_input, source=f"{VAE}, {beginning}")
        super().__init__(path=path, card=card, output_names=("picture",), size_px=None)

    @classmethod
    def of_run(cls, run: StoredRun) -> VaeSource:
        """Open what a ``best.pt`` or ``last.pt`` holds.

        Raises:
            ConfigError: when the number of names is not that of the classes.
            ModelError: when the tensors are not a VAE's.
        """
        network = filled(VariationalAutoencoder(side_of_run(run)), run.stored["model"], run.path, title="a VAE")
        names = chosen_names(tuple(map(str, run.stored["names"])) or NO_CLASS, run.names, run.path)
        beginning = how_trained(run.stored)
        return cls(network, path=run.path, names=names, size_px=run.size_px, beginning=beginning)

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module from pictures to what the network makes of them."""
        return AsTuple(fresh(self._network)).eval()

    def generator(self) -> LatentDecoder:
        """Return a fresh module from latent vectors to pictures."""
        return fresh(self._network.decoder)
