"""The generator of a DCGAN, as ``streamvision train --model dcgan`` leaves it (Radford, Metz and Chintala, ICLR 2016).

It differs from the paper's: each level enlarges and convolves in place of a transposed convolution, whose windows
overlap unevenly, and the last one gives RGB of 0..1 by a sigmoid, which is the same as tanh for -1..1.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from pathlib import Path

from streamvision.checkpoints.base import StoredRun
from streamvision.checkpoints.latent_decoder import LatentDecoder, side_of_run
from streamvision.checkpoints.restoring import filled, fresh

LATENTS = 64
"""Numbers of a latent vector."""
WIDTHS = (128, 64, 32)
"""Channels from level to level, each of twice the size; those of the VAE's decoder."""


def dcgan_generator(side_px: int) -> LatentDecoder:
    """Return a generator that has learnt nothing; 0.3 million parameters at 32 px."""
    return LatentDecoder(side_px, latents=LATENTS, widths=WIDTHS)


class DcganSource:
    """A trained generator.

    Args:
        network: the generator.
        path: where its weights are from.
    """

    latents = LATENTS

    def __init__(self, network: LatentDecoder, *, path: Path) -> None:
        self._network, self.path = network, path
        self.side_px: int = network.image_size

    @classmethod
    def of_run(cls, run: StoredRun) -> DcganSource:
        """Open what a ``best.pt`` or ``last.pt`` holds.

        Raises:
            ModelError: when the tensors are not a generator's.
        """
        network = dcgan_generator(side_of_run(run))
        return cls(filled(network, run.stored["model"], run.path, title="a DCGAN"), path=run.path)

    def generator(self) -> LatentDecoder:
        """Return a fresh module from latent vectors to pictures."""
        return fresh(self._network)
