"""DeepDream: a picture is changed until a layer sees more of what it sees (Mordvintsev, Olah and Tyka, 2015).

    python examples/explain/deep_dream.py photo.jpg --model yolov8n.pt --layer 20 --output dream.png

Each step follows the slope of the layer's mean square by the picture, from a small size to larger ones, so that
patterns of several sizes appear. ``--model`` is any checkpoint that ``streamvision export`` takes; the layers are its
convolutions, counted from the picture. Needs the extra ``train``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from streamvision.checkpoints import open_source

SIDE_MULTIPLE_PX = 32
LARGEST_SHIFT_PX = 32


def main() -> None:
    """Read a picture, dream, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--layer", type=int, default=20, help="which convolution, counted from the picture")
    parser.add_argument("--steps", type=int, default=15, help="on each size")
    parser.add_argument("--sizes", type=int, default=3, help="how many, each 1.4 times the one before")
    parser.add_argument("--rate", type=float, default=0.02, help="length of a step, of values of 0..1")
    parser.add_argument("--output", type=Path, default=Path("dream.png"))
    given = parser.parse_args()
    bgr = cv2.imread(str(given.picture))
    if bgr is None:
        raise SystemExit(f"{given.picture} is no picture that can be read")
    network = open_source(given.model).module(dynamic_size=True)
    pixels = torch.from_numpy(bgr[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    dreamt = dream(network, pixels, layer=given.layer, steps=given.steps, sizes=given.sizes, rate=given.rate)
    levels = (dreamt[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    cv2.imwrite(str(given.output), levels[..., ::-1])


def dream(network: nn.Module, pixels: Tensor, *, layer: int, steps: int, sizes: int, rate: float) -> Tensor:
    """Return the picture that excites a layer more; (1, 3, H, W) float32 RGB of 0..1, as it was given.

    Args:
        network: in evaluation mode.
        pixels: (1, 3, H, W) float32 RGB of 0..1.
        layer: which of its convolutions, from 0.
        steps: on each size.
        sizes: how many, up to the picture's own.
        rate: length of a step.
    """
    torch.manual_seed(0)
    height, width = pixels.shape[-2:]
    added = torch.zeros_like(pixels)
    for size in reversed(range(sizes)):
        shape = [_rounded(side / 1.4**size) for side in (height, width)]
        base, added = (nn.functional.interpolate(one, shape, mode="bilinear") for one in (pixels, added))
        for _ in range(steps):
            added = added + rate * _slope(network, (base + added).clamp(0, 1), layer)
        added = (base + added).clamp(0, 1) - base
    added = nn.functional.interpolate(added, (height, width), mode="bilinear")
    return (pixels + added).clamp(0, 1).detach()


def excitement(network: nn.Module, pixels: Tensor, layer: int) -> Tensor:
    """Return the mean square of what a layer gives, as a scalar with its slope."""
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    if not 0 <= layer < len(layers):
        raise SystemExit(f"the network has the layers 0 to {len(layers) - 1}; give one of these, not {layer}")
    seen: list[Any] = []
    handle = layers[layer].register_forward_hook(lambda _module, _given, found: seen.append(found))
    try:
        network(pixels)
    finally:
        handle.remove()
    return (seen[0] ** 2).mean()


def _slope(network: nn.Module, pixels: Tensor, layer: int) -> Tensor:
    """Return the slope by the picture, its mean size 1; the picture is shifted, so that no grid of the layers shows."""
    shift = torch.randint(-LARGEST_SHIFT_PX, LARGEST_SHIFT_PX + 1, (2,)).tolist()
    moved = pixels.roll(shift, (2, 3)).detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(excitement(network, moved, layer), moved)
    back = slope.roll([-one for one in shift], (2, 3))
    return back / (back.abs().mean() + 1e-8)


def _rounded(side: float) -> int:
    return max(round(side / SIDE_MULTIPLE_PX), 1) * SIDE_MULTIPLE_PX


if __name__ == "__main__":
    main()
