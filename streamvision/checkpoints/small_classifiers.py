"""Small classifiers to learn from scratch: LeNet-5, an Xception of a quarter of a million parameters, and PilotNet.

All take (N, 3, S, S) pictures, normalised, and return (N, classes) logits. What has become usual since their papers is
changed: LeNet-5 has ReLU, maxima and padded borders, and every convolution of the others a batch normalisation.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

DROPOUT = 0.2
"""Share of the features that the layer of the classes does not see in training."""
WIDTHS = (32, 64, 128, 256)
"""Channels of the small Xception, from level to level."""
PILOT_LAYERS = ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1))
"""Channels, side of the kernel and stride of PilotNet's convolutions."""
PILOT_LEAST_PX = 64


class LeNet(nn.Module):
    """LeNet-5 (LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998), for colours.

    Args:
        classes: how many.
        side_px: of the squares that it sees, a multiple of 4; it learns places and takes no other size.
    """

    def __init__(self, classes: int, side_px: int) -> None:
        super().__init__()
        if side_px % 4:
            raise ValueError(f"the side is {side_px} px and no multiple of 4")
        self.image_size = side_px
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, 2)),
            nn.Sequential(nn.Conv2d(6, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, 2)),
        )
        self.hidden = nn.Sequential(
            nn.Sequential(nn.Linear(16 * (side_px // 4) ** 2, 120), nn.ReLU()),
            nn.Sequential(nn.Linear(120, 84), nn.ReLU(), nn.Dropout(DROPOUT)),
        )
        self.classes = nn.Linear(84, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits of each class."""
        logits: Tensor = self.classes(self.hidden(self.features(pictures).flatten(1)))
        return logits


class PilotNet(nn.Module):
    """The network that steers (Bojarski et al., "End to End Learning for Self-Driving Cars", 2016), for squares.

    Args:
        outputs: how many numbers (or classes) it gives.
        side_px: of the squares that it sees, 64 or more; it learns places and takes no other size.
    """

    def __init__(self, outputs: int, side_px: int) -> None:
        super().__init__()
        if side_px < PILOT_LEAST_PX:
            raise ValueError(f"the side is {side_px} px and less than {PILOT_LEAST_PX}")
        self.image_size = side_px
        layers, inputs, left_px = [], 3, side_px
        for channels, kernel, stride in PILOT_LAYERS:
            convolution = nn.Conv2d(inputs, channels, kernel, stride, bias=False)
            layers.append(nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU()))
            inputs, left_px = channels, (left_px - kernel) // stride + 1
        self.features = nn.Sequential(*layers)
        self.hidden = nn.Sequential(
            nn.Sequential(nn.Linear(inputs * left_px**2, 100), nn.ReLU(), nn.Dropout(DROPOUT)),
            nn.Sequential(nn.Linear(100, 50), nn.ReLU()),
            nn.Sequential(nn.Linear(50, 10), nn.ReLU()),
        )
        self.outputs = nn.Linear(10, outputs)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the numbers."""
        numbers: Tensor = self.outputs(self.hidden(self.features(pictures).flatten(1)))
        return numbers


class SmallXception(nn.Module):
    """Separable convolutions with residuals (Chollet, "Xception", CVPR 2017), of any size.

    Args:
        classes: how many.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, WIDTHS[0], 3, 2, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()),
            *(ResidualBlock(*pair) for pair in pairwise(WIDTHS)),
            nn.Sequential(SeparableConv(WIDTHS[-1], WIDTHS[-1]), nn.ReLU()),
        )
        self.dropout = nn.Dropout(DROPOUT)
        self.classes = nn.Linear(WIDTHS[-1], classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits of each class."""
        logits: Tensor = self.classes(self.dropout(self.features(pictures).mean((2, 3))))
        return logits


class ResidualBlock(nn.Module):
    """Two separable convolutions and a maximum that halves the size, added to a strided 1x1 convolution beside them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.beside = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs))
        self.along = nn.Sequential(
            nn.ReLU(),
            SeparableConv(inputs, outputs),
            nn.ReLU(),
            SeparableConv(outputs, outputs),
            nn.MaxPool2d(3, 2, 1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of half the size."""
        added: Tensor = self.along(maps) + self.beside(maps)
        return added


class SeparableConv(nn.Sequential):
    """A 3x3 convolution of each channel by itself, then a 1x1 convolution across them, normalised."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
