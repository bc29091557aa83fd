"""A detector that sees each picture as it is and mirrored, and gives the mean: better placed boxes for twice the time.

What is learnt from mirrored pictures is nearly, not quite, the same on both sides, so that the errors of the two differ
and their mean has smaller ones (test-time augmentation; Krizhevsky et al. 2012, section 4.1). Both answers are those of
the same grid cells, which are averaged before duplicates are suppressed, inside the network. This file imports torch;
see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from streamvision.checkpoints.base import Source, TorchSource
from streamvision.core.errors import ExportError

HEAD = "yolo_v8"
STRIDES_PX = (8, 16, 32)
"""Of the grids that its cells are of, in this order; those of YOLOX, and of ultralytics' YOLOv8 and later."""


class MirroredSource(TorchSource):
    """A detector with boxes and scores averaged over a picture and its mirror image.

    For detectors none of whose classes says left or right. The mean is taken wherever the source is executed or
    exported, so that an export is proven against it.

    Args:
        source: the detector; with a torch side.

    Raises:
        ExportError: when it is no detector with boxes of a grid's cells, or has no torch side.
    """

    variant = ("mirror",)

    def __init__(self, source: Source) -> None:
        card = source.card
        if card.head != HEAD or card.nms_inside:
            raise ExportError(
                f"{source.path} has the head {card.head!r}, and only what detectors with {HEAD!r} say can be averaged "
                "with the mirrored picture; leave out --mirror"
            )
        self._source = source
        height_px, width_px = 2 * STRIDES_PX[-1], 3 * STRIDES_PX[-1]
        with torch.no_grad():
            (found,) = source.module(dynamic_size=True)(torch.zeros(1, 3, height_px, width_px))
        cells = sum((height_px // stride_px) * (width_px // stride_px) for stride_px in STRIDES_PX)
        if found.shape[2] != cells:
            raise ExportError(
                f"{source.path} has other grids than those of {', '.join(map(str, STRIDES_PX))} px, so that it is not "
                "known which cell is which one's mirror image; leave out --mirror"
            )
        card = card.model_copy(update={"source": f"{card.source or source.path.name}, averaged with its mirror image"})
        super().__init__(path=source.path, card=card, output_names=source.output_names, size_px=None)

    def module(self, *, dynamic_size: bool = False) -> nn.Module:
        """Return a fresh module; see :meth:`~.base.Source.module`."""
        return _Mirrored(self._source.module(dynamic_size=dynamic_size)).eval()


class _Mirrored(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        height_px, width_px = pictures.shape[2:]
        # One call for both: twice the network in the graph would be twice the weights in some formats.
        (found,) = self.network(torch.cat([pictures, pictures.flip(3)]))
        straight, mirrored = found[: pictures.shape[0]], found[pictures.shape[0] :]
        turned = mirrored[:, :, mirrored_cells(height_px, width_px)]
        turned = torch.cat([width_px - turned[:, :1], turned[:, 1:]], dim=1)
        return ((straight + turned) / 2,)


def mirrored_cells(height_px: int, width_px: int) -> Tensor:
    """Return for each cell the index of the one that sees the same in the mirrored picture, (cells,) int64."""
    grids, begin = [], 0
    for stride_px in STRIDES_PX:
        rows, columns = height_px // stride_px, width_px // stride_px
        # Reckoned, not sliced out of what is said: with free sizes the exporter takes minutes over slices.
        row, column = torch.arange(rows)[:, None], torch.arange(columns)[None]
        grids.append((begin + row * columns + columns - 1 - column).flatten())
        begin = begin + rows * columns
    return torch.cat(grids)
