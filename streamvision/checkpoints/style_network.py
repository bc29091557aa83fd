"""A small network that paints pictures in one style, in one pass.

After Johnson, Alahi and Li ("Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016), half as
wide and with three residual blocks: normalised by each picture's own statistics (Ulyanov, Vedaldi and Lempitsky,
"Instance Normalization: The Missing Ingredient for Fast Stylization", 2016), enlarged by repeated pixels and a
convolution, which leaves no checkerboard (Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", 2016).

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from torch import Tensor, nn


class StyleNetwork(nn.Module):
    """(N, 3, H, W) RGB of 0..1 to the same, painted. 271,000 parameters, 30,000 multiplications a pixel."""

    stride_px = 4
    """Sides of the input must be multiples of this."""

    def __init__(self, *, width: int = 16, depth: int = 3) -> None:
        super().__init__()
        self.first = _layer(3, width, side_px=5)
        self.smaller = nn.Sequential(_layer(width, 2 * width, stride=2), _layer(2 * width, 4 * width, stride=2))
        self.body = nn.ModuleList(_Residual(4 * width) for _ in range(depth))
        self.larger = nn.Sequential(_larger(4 * width, 2 * width), _larger(2 * width, width))
        self.last = nn.Conv2d(width, 3, 5, padding=2, padding_mode="reflect")

    def blocks(self) -> list[nn.Module]:
        """Return its parts in order, from the picture on."""
        return [self.first, *self.smaller, *self.body, *self.larger, self.last]

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the pictures, painted."""
        found = self.smaller(self.first(pictures * 2 - 1))
        for block in self.body:
            found = block(found)
        painted: Tensor = self.last(self.larger(found)).sigmoid()
        return painted


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(_layer(width, width), *_layer(width, width)[:-1])

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.inner(features)
        return features + changed


def _layer(inputs: int, outputs: int, *, side_px: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side_px, stride=stride, padding=side_px // 2, padding_mode="reflect"),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.ReLU(),
    )


def _larger(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2.0, mode="nearest"), _layer(inputs, outputs))
