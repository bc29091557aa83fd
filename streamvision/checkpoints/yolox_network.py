"""YOLOX (Ge et al. 2021, arXiv:2107.08430) in torch: an anchor-free detector of one stage, from pictures to grids.

Tensors have the names of https://github.com/Megvii-BaseDetection/YOLOX, so that its weights (Apache-2.0) fit. What is
written differently computes the same: the first layer, which there takes pictures apart into four of half the size, is
one convolution of 6x6 px with a stride of two, and takes RGB of 0..1 where YOLOX takes BGR of 0..255.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamvision.checkpoints.yolox_scales import Scale

STRIDES_PX = (8, 16, 32)
"""Of the three grids, the finest first."""
FIRST_CHANNELS = 64
"""Of the first layer, before the scale narrows it."""
SCORES_AT = 5
"""In a row: x, y, w, h, objectness, then the classes."""


class Yolox(nn.Module):
    """(N, 3, H, W) RGB of 0..1, sides multiples of 32 px, to (N, cells, 5 + classes) raw values of each grid cell.

    Columns: dx, dy in cells from the cell's corner; log w, log h in cells; logits of objectness and of the classes. The
    finest grid comes first, its cells row by row; :func:`decoded` makes boxes of them.
    """

    def __init__(self, scale: Scale, classes: int) -> None:
        super().__init__()
        self.backbone = _Pyramid(scale)
        self.head = _Head(scale, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the raw values of each grid cell."""
        return torch.cat([each.flatten(2) for each in self.head(self.backbone(pictures))], dim=2).transpose(1, 2)


def decoded(raw: Tensor, height_px: Any, width_px: Any) -> Tensor:
    """Return rows cx, cy, w, h in px and the logits, of raw values for pictures of a size."""
    cell, stride_px = grid(height_px, width_px, like=raw)
    middle = (raw[..., :2] + cell) * stride_px
    # The exponent of what a network that learns may say once must not become infinite.
    size = raw[..., 2:4].clamp(max=10.0).exp() * stride_px
    return torch.cat([middle, size, raw[..., 4:]], dim=-1)


def grid(height_px: Any, width_px: Any, *, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return column and row of each cell as (cells, 2), and its stride in px as (cells, 1)."""
    cells, strides = [], []
    for stride_px in STRIDES_PX:
        rows, columns = height_px // stride_px, width_px // stride_px
        row = torch.arange(rows, device=like.device, dtype=like.dtype)[:, None].expand(rows, columns)
        column = torch.arange(columns, device=like.device, dtype=like.dtype)[None].expand(rows, columns)
        cell = torch.stack([column, row], dim=-1).reshape(-1, 2)
        cells.append(cell)
        strides.append(torch.full_like(cell[:, :1], stride_px))
    return torch.cat(cells), torch.cat(strides)


class _Convolution(nn.Module):
    """Convolution, batch normalisation and SiLU."""

    def __init__(self, inputs: int, outputs: int, side: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        padding = (side - 1) // 2
        self.conv = nn.Conv2d(inputs, outputs, side, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)

    def forward(self, pictures: Tensor) -> Tensor:
        return functional.silu(self.bn(self.conv(pictures)))


class _Separable(nn.Module):
    def __init__(self, inputs: int, outputs: int, side: int, *, stride: int = 1) -> None:
        super().__init__()
        self.dconv = _Convolution(inputs, inputs, side, stride=stride, groups=inputs)
        self.pconv = _Convolution(inputs, outputs, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.pconv(self.dconv(pictures))
        return found


def _wide(scale: Scale, inputs: int, outputs: int, *, stride: int = 1) -> nn.Module:
    kind = _Separable if scale.separable else _Convolution
    return kind(inputs, outputs, 3, stride=stride)


class _Stem(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = _Convolution(3, outputs, 6, stride=2)

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.conv(pictures)
        return found


class _Bottleneck(nn.Module):
    def __init__(self, scale: Scale, channels: int, *, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = _Convolution(channels, channels, 1)
        self.conv2 = _wide(scale, channels, channels)
        self._shortcut = shortcut

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.conv2(self.conv1(pictures))
        return found + pictures if self._shortcut else found


class _CrossStage(nn.Module):
    """A cross-stage partial layer (CSPNet, Wang et al. 2020)."""

    def __init__(self, scale: Scale, inputs: int, outputs: int, blocks: int, *, shortcut: bool = True) -> None:
        super().__init__()
        hidden = outputs // 2
        self.conv1 = _Convolution(inputs, hidden, 1)
        self.conv2 = _Convolution(inputs, hidden, 1)
        self.m = nn.Sequential(*(_Bottleneck(scale, hidden, shortcut=shortcut) for _ in range(blocks)))
        self.conv3 = _Convolution(2 * hidden, outputs, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        first, second = self.conv1(pictures), self.conv2(pictures)
        found: Tensor = self.conv3(torch.cat([self.m(first), second], dim=1))
        return found


class _Pooling(nn.Module):
    """Spatial pyramid pooling (He et al. 2015)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _Convolution(channels, channels // 2, 1)
        self.conv2 = _Convolution(channels * 2, channels, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        found = self.conv1(pictures)
        pooled = [functional.max_pool2d(found, side, stride=1, padding=side // 2) for side in (5, 9, 13)]
        result: Tensor = self.conv2(torch.cat([found, *pooled], dim=1))
        return result


class _Darknet(nn.Module):
    def __init__(self, scale: Scale) -> None:
        super().__init__()
        base, blocks = int(FIRST_CHANNELS * scale.width), max(round(3 * scale.depth), 1)
        self.stem = _Stem(base)

        def stage(times: int, count: int, *between: nn.Module, shortcut: bool = True) -> nn.Sequential:
            outputs = base * times
            layer = _CrossStage(scale, outputs, outputs, count, shortcut=shortcut)
            return nn.Sequential(_wide(scale, outputs // 2, outputs, stride=2), *between, layer)

        self.dark2 = stage(2, blocks)
        self.dark3 = stage(4, blocks * 3)
        self.dark4 = stage(8, blocks * 3)
        self.dark5 = stage(16, blocks, _Pooling(base * 16), shortcut=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.dark3(self.dark2(self.stem(pictures)))
        middle = self.dark4(fine)
        return fine, middle, self.dark5(middle)


class _Pyramid(nn.Module):
    """A backbone and the path aggregation behind it (PANet, Liu et al. 2018)."""

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        fine, middle, coarse = (int(channels * scale.width) for channels in (256, 512, 1024))
        blocks = round(3 * scale.depth)

        def layer(inputs: int, outputs: int) -> _CrossStage:
            return _CrossStage(scale, inputs, outputs, blocks, shortcut=False)

        self.backbone = _Darknet(scale)
        self.lateral_conv0 = _Convolution(coarse, middle, 1)
        self.C3_p4 = layer(2 * middle, middle)
        self.reduce_conv1 = _Convolution(middle, fine, 1)
        self.C3_p3 = layer(2 * fine, fine)
        self.bu_conv2 = _wide(scale, fine, fine, stride=2)
        self.C3_n3 = layer(2 * fine, middle)
        self.bu_conv1 = _wide(scale, middle, middle, stride=2)
        self.C3_n4 = layer(2 * middle, coarse)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine, middle, coarse = self.backbone(pictures)
        across = self.lateral_conv0(coarse)
        down = self.C3_p4(torch.cat([_doubled(across), middle], dim=1))
        across_again = self.reduce_conv1(down)
        finest = self.C3_p3(torch.cat([_doubled(across_again), fine], dim=1))
        up = self.C3_n3(torch.cat([self.bu_conv2(finest), across_again], dim=1))
        return finest, up, self.C3_n4(torch.cat([self.bu_conv1(up), across], dim=1))


class _Head(nn.Module):
    """What an object is and where, each by layers of its own."""

    def __init__(self, scale: Scale, classes: int) -> None:
        super().__init__()
        hidden = int(256 * scale.width)
        grids = range(len(STRIDES_PX))

        def branch() -> nn.Sequential:
            return nn.Sequential(_wide(scale, hidden, hidden), _wide(scale, hidden, hidden))

        self.stems = nn.ModuleList(_Convolution(int(256 * 2**level * scale.width), hidden, 1) for level in grids)
        self.cls_convs = nn.ModuleList(branch() for _ in grids)
        self.reg_convs = nn.ModuleList(branch() for _ in grids)
        self.cls_preds = nn.ModuleList(nn.Conv2d(hidden, classes, 1) for _ in grids)
        self.reg_preds = nn.ModuleList(nn.Conv2d(hidden, 4, 1) for _ in grids)
        self.obj_preds = nn.ModuleList(nn.Conv2d(hidden, 1, 1) for _ in grids)
        for rare in (*self.cls_preds, *self.obj_preds):
            # Nearly all cells show nothing, so that this is what is said at first (Lin et al. 2017).
            nn.init.constant_(rare.bias, -4.6)

    def forward(self, seen: tuple[Tensor, ...]) -> list[Tensor]:
        grids = []
        for level, pictures in enumerate(seen):
            stem = self.stems[level](pictures)
            classes = self.cls_preds[level](self.cls_convs[level](stem))
            where = self.reg_convs[level](stem)
            grids.append(torch.cat([self.reg_preds[level](where), self.obj_preds[level](where), classes], dim=1))
        return grids


def _doubled(pictures: Tensor) -> Tensor:
    return functional.interpolate(pictures, scale_factor=2.0, mode="nearest")
