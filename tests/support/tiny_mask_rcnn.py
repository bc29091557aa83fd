"""Torchvision's Mask R-CNN with a backbone of three convolutions, which learns and is exported in seconds."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

CHANNELS = 32
CELLS = 7


class _Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in (3, CHANNELS, CHANNELS):
            layers += [nn.Conv2d(inputs, CHANNELS, 3, 2, 1, bias=False), nn.BatchNorm2d(CHANNELS), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.out_channels = CHANNELS

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.body(pictures)
        return found


def tiny_mask_rcnn(_name: str, *, classes: int | None = None, **settings: Any) -> Any:
    """Return a network as :func:`streamvision.checkpoints.torchvision_build.create` does, whatever its name."""
    count = classes or 2
    return MaskRCNN(
        _Backbone(),
        rpn_anchor_generator=AnchorGenerator(((24,),), ((1.0,),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], CELLS, 2),
        box_head=TwoMLPHead(CHANNELS * CELLS * CELLS, 64),
        box_predictor=FastRCNNPredictor(64, count),
        mask_roi_pool=MultiScaleRoIAlign(["0"], 2 * CELLS, 2),
        mask_head=MaskRCNNHeads(CHANNELS, (CHANNELS,), 1),
        mask_predictor=MaskRCNNPredictor(CHANNELS, CHANNELS, count),
        box_detections_per_img=10,
        **settings,
    ).eval()
