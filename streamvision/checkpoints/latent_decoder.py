"""The network that makes pictures of latent vectors: the decoder of a VAE, the generator of a DCGAN.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from streamvision.checkpoints.base import StoredRun
from streamvision.core.errors import ModelError
from streamvision.inference.generator_card import MOST_SIDE_PX

LEVELS = 3
"""How often a picture is enlarged on its way."""
STRIDE_PX = 2**LEVELS
"""The side of the squares must be a multiple of this."""


class LatentDecoder(nn.Module):
    """(N, latents) standard normal to (N, 3, S, S) RGB of 0..1.

    Args:
        side_px: of the squares, a multiple of :data:`STRIDE_PX`.
        latents: numbers of a latent vector.
        widths: channels from level to level, each of twice the size; :data:`LEVELS` of them.
    """

    def __init__(self, side_px: int, *, latents: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.image_size = side_px
        self._first = widths[0], side_px // STRIDE_PX, side_px // STRIDE_PX
        self.spread = nn.Linear(latents, widths[0] * (side_px // STRIDE_PX) ** 2)
        self.up = nn.Sequential(*(_up(*pair) for pair in zip(widths, (*widths[1:], widths[-1]), strict=True)))
        self.last = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Return the pictures of latent vectors."""
        maps = self.spread(latents).reshape(-1, *self._first)
        pictures: Tensor = torch.sigmoid(self.last(self.up(maps)))
        return pictures


def side_of_run(run: StoredRun) -> int:
    """Return the side of the squares that a run has learnt.

    Raises:
        ModelError: when there are no such squares.
    """
    side_px = run.stored["imgsz"]
    if side_px % STRIDE_PX or not STRIDE_PX <= side_px <= MOST_SIDE_PX:
        raise ModelError(f"{run.path} has squares of {side_px} px, which no run leaves; give the best.pt of a run")
    return int(side_px)


def _up(inputs: int, outputs: int) -> nn.Sequential:
    # Enlarging before convolving leaves no checkerboard (Odena, Dumoulin and Olah, Distill 2016).
    larger = nn.Upsample(scale_factor=2.0, mode="nearest")
    return nn.Sequential(
        larger, nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )
