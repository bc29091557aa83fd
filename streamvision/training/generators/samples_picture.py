"""What a generator has learnt, as one picture: held-out squares, what was made of them, and squares that it draws.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
COLUMNS, ROWS = 12, 3
"""Squares of each part."""
LARGER = 2
"""Times that squares are enlarged."""
SEED = 1


def draw_samples(path: Path, generator: Any, *, latents: int, beside: Sequence[Any] = ()) -> None:
    """Write a PNG: rows of other pictures, drawn pictures, and ways between pairs of these.

    Args:
        path: what to write.
        generator: module from (N, latents) to (N, 3, S, S) RGB of 0..1.
        latents: numbers of a latent vector.
        beside: (N, 3, S, S) pictures of rows above, such as held-out ones.
    """
    device = next(generator.parameters()).device
    drawn = torch.randn(COLUMNS * ROWS, latents, generator=torch.Generator().manual_seed(SEED)).to(device)
    share = torch.linspace(0, 1, COLUMNS, device=device)[:, None]
    with torch.inference_mode():
        parts = [generator(drawn), *(generator(torch.lerp(drawn[at], drawn[at + 1], share)) for at in (0, 2))]
    rows = [row for part in parts for row in part.split(COLUMNS)]
    picture: U8 = np.concatenate([_in_a_row(row) for row in (*(row[:COLUMNS] for row in beside), *rows)])
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _in_a_row(squares: Any) -> U8:
    levels = (squares.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    side = levels.shape[1] * LARGER
    blank = np.full((COLUMNS - len(levels), *levels.shape[1:]), 255, np.uint8)
    larger = [cv2.resize(one, (side, side), interpolation=cv2.INTER_NEAREST) for one in (*levels, *blank)]
    return np.concatenate(larger, axis=1)
