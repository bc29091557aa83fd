"""A detector whose result can be told by looking: each bright cell of the picture is an object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.checkpoints.torch_runtime import TorchBackend
from streamvision.inference.model_card import InputCard, ModelCard

SIDE_PX, CELL_PX = 64, 8
CARD = ModelCard(head="yolo_v8", names=("red", "green"), input=InputCard(width_px=SIDE_PX, height_px=SIDE_PX))


@dataclass(frozen=True)
class BrightSource:
    """A :class:`streamvision.checkpoints.base.Source` whose score for a class is how bright a cell's red or green is.

    Large cells count less, so that objects are the small ones.

    ``spoil`` changes the (1, 2, cells) scores, for exports that are wrong on purpose.
    """

    spoil: Callable[[Any], Any] = lambda scores: scores
    card: ModelCard = CARD
    path: Path = Path("bright.pt")
    output_names: tuple[str, ...] = ("output0",)
    onnx: Path | None = None
    variant: tuple[str, ...] = ()

    def module(self, *, dynamic_size: bool = False) -> Any:
        import torch

        spoil = self.spoil
        cells = [SIDE_PX // stride for stride in (8, 16, 32)]
        centers, sizes = [], []
        for count in cells:
            stride = SIDE_PX / count
            y, x = torch.meshgrid(*[(torch.arange(count) + 0.5) * stride] * 2, indexing="ij")
            centers.append(torch.stack([x, y]).flatten(1))
            sizes.append(torch.full((2, count * count), stride))
        grid = torch.cat([torch.cat(centers, 1), torch.cat(sizes, 1)])[None]

        class Network(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("grid", grid)

            def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
                pool = torch.nn.functional.avg_pool2d
                means = [pool(pictures[:, :2], SIDE_PX // n).flatten(2) * (n / cells[0]) for n in cells]
                return (torch.cat([self.grid.float(), spoil(torch.cat(means, 2))], 1),)

        return Network().eval()

    def backend(self, *, size_px: tuple[int, int], device: str = "cpu") -> TorchBackend:
        return TorchBackend(
            self.module(), path=self.path, card=self.card, output_names=self.output_names, device=device
        )


def bright_picture() -> NDArray[np.uint8]:
    """Return a (64, 64, 3) RGB picture, nearly black, with six coloured cells of different brightness."""
    picture = np.full((SIDE_PX, SIDE_PX, 3), 5, np.uint8)
    for index, level in enumerate((250, 230, 200, 170, 140, 100)):
        top, left = 16 * (index // 3), 16 * (index % 3)
        picture[top : top + CELL_PX, left : left + CELL_PX, index % 2] = level
    return picture
