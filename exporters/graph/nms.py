"""Suppression of duplicates in plain tensor operations, so that every runtime executes it without a special operator.

Cluster-NMS (Zheng et al., "Enhancing Geometric Factors in Model Learning and Inference for Object Detection and
Instance Segmentation", IEEE Transactions on Cybernetics 2021, https://arxiv.org/abs/2005.03572, algorithm 2): with A
the matrix of which box would suppress which, sorted by score, ``k = k0 * ((k @ A) < 0.5)`` converges to what greedy
suppression keeps, in as many steps as the longest chain of boxes that suppress each other. A network cannot loop until
nothing changes, so the number of steps is fixed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from streamvision.core.errors import ExportError
from streamvision.inference.model_card import ModelCard

SCORE = 0.05
"""Lowest score of a row that is filled. Below what viewers show (0.25) and what trackers can use (0.1): whoever reads
the rows applies a threshold of their own, and suppression never depends on weaker boxes."""
IOU = 0.6
"""Overlap above which the weaker box of a class goes; the runtime's own default."""
ROWS = 300
"""Boxes in the output."""
CANDIDATES = 300
"""Boxes that are compared. Enough to equal greedy suppression for scores from 0.1 up, on pictures of COCO; not enough
to measure average precision, which reads scores down to 0.001."""
STEPS = 16
"""Eight were enough on all pictures tried. Even, since a chain that is not settled then leaves a duplicate, where an
odd number would lose an object."""
WORKING_SIDE = 128.0
"""Boxes are scaled (by a power of two, so nothing is lost) until an input of up to this side holds them: areas in
pixels overflow half precision, and areas in fractions of the input vanish in it."""
_CORNERS = 4
SELECTED_HEADS = {"yolo_v8": "yolo_end2end", "yolo_seg": "yolo_seg_end2end", "yolo_pose": "yolo_pose_end2end"}
"""By the head of a raw output, the head of the rows that :class:`SelectedRows` makes of it."""


def with_suppression(
    network: nn.Module, card: ModelCard, select: SelectBoxes | None = None
) -> tuple[nn.Module, ModelCard]:
    """Return the network with suppression behind it, and its card; one that has it already comes back as it is.

    Args:
        network: gives raw outputs as the card's head reads them.
        card: of the network.
        select: see :class:`SelectBoxes`; ``None`` for its defaults.

    Raises:
        ExportError: when suppression is not possible behind this head.
    """
    if card.nms_inside:
        return network, card
    if card.head not in SELECTED_HEADS:
        raise ExportError(
            f"suppression cannot be put inside a model with the head {card.head!r}, only with "
            f"{', '.join(SELECTED_HEADS)}; leave out --nms, the runtime then does it"
        )
    changes = {"head": SELECTED_HEADS[card.head], "nms_inside": True}
    return SelectedRows(network, card, select).eval(), card.model_copy(update=changes)


def with_four_outputs(
    network: nn.Module, card: ModelCard, select: SelectBoxes | None = None
) -> tuple[nn.Module, ModelCard]:
    """Return a detector in the form of TFLite's detection post-processing, and its card; see :class:`FourOutputs`.

    Args:
        network: as for :func:`with_suppression`.
        card: of the network.
        select: see :class:`SelectBoxes`; ``None`` for its defaults.

    Raises:
        ExportError: when the network is not a detector with raw outputs.
    """
    if card.head != "yolo_v8":
        raise ExportError(
            f"only detectors with the head 'yolo_v8' have the form that MediaPipe runs, not one with {card.head!r}; "
            "leave out --mediapipe"
        )
    changes = {"head": "tflite_detection", "nms_inside": True, "box_unit": "normalized"}
    return FourOutputs(network, card, select).eval(), card.model_copy(update=changes)


class Selected(NamedTuple):
    """What is left, best score first; rows that are not filled are zero."""

    box_xyxy: Tensor
    """(N, rows, 4) left, top, right, bottom in the unit of the boxes that came in."""
    score: Tensor
    """(N, rows) 0..1."""
    class_id: Tensor
    """(N, rows) class, as a floating-point number."""
    extra: Tensor | None
    """(N, rows, M) what else came with the boxes."""


class SelectBoxes(nn.Module):
    """Chooses boxes as greedy suppression within each class does.

    Args:
        side: length of the network input's longer side in the boxes' unit: 1 where they are fractions of it.
        score: lowest score of a box.
        iou: intersection over union above which the weaker of two boxes of a class goes.
        rows: boxes in the output; at most ``candidates``.
        candidates: boxes that are compared, the best by score; fewer where the network has fewer.
    """

    def __init__(
        self,
        *,
        side: float,
        score: float = SCORE,
        iou: float = IOU,
        rows: int = ROWS,
        candidates: int = CANDIDATES,
    ) -> None:
        super().__init__()
        if not 0 < rows <= candidates:
            raise ValueError(f"rows is {rows}: it must be from 1 to the number of candidates, {candidates}")
        self._shrink = 2.0 ** (math.log2(WORKING_SIDE) - math.ceil(math.log2(side)))
        self._score = score
        self._iou = iou
        self._rows = rows
        self._candidates = candidates

    def forward(self, box_xyxy: Tensor, class_scores: Tensor, extra: Tensor | None = None) -> Selected:
        """Return the rows that stay of (N, B, 4) boxes with (N, B, classes) scores and (N, B, M) anything else."""
        candidates = min(self._candidates, box_xyxy.shape[1])
        best, index = torch.topk(class_scores.amax(dim=2), candidates, dim=1)
        box_xyxy, class_scores = _rows(box_xyxy, index), _rows(class_scores, index)
        class_id = class_scores.argmax(dim=2).to(best.dtype)
        possible = (best >= self._score).to(best.dtype)
        kept = possible * self._survivors(box_xyxy * self._shrink, class_id, possible)
        score, order = torch.topk(best * kept, min(self._rows, candidates), dim=1)
        filled = (score > 0).to(score.dtype)
        chosen_class = _rows(class_id[..., None], order)[..., 0]
        more = None if extra is None else _rows(_rows(extra, index), order) * filled[..., None]
        return Selected(_rows(box_xyxy, order) * filled[..., None], score, chosen_class * filled, more)

    def _survivors(self, box_xyxy: Tensor, class_id: Tensor, possible: Tensor) -> Tensor:
        """Return (N, K) 1 for boxes that no better box of their class suppresses; the boxes are sorted by score."""
        suppresses = self._overlap(box_xyxy) * _same(class_id)
        above = torch.ones(suppresses.shape[1:], dtype=suppresses.dtype).triu(diagonal=1)
        suppresses = suppresses * above
        kept = possible[:, None]
        for _ in range(STEPS):
            kept = possible[:, None] * (torch.matmul(kept, suppresses) < 0.5).to(kept.dtype)
        return kept[:, 0]

    def _overlap(self, box_xyxy: Tensor) -> Tensor:
        """Return (N, K, K) 1 where two boxes overlap by more than the limit."""
        left, top, right, bottom = (box_xyxy[..., i : i + 1] for i in range(_CORNERS))
        width = torch.minimum(right, right.transpose(1, 2)) - torch.maximum(left, left.transpose(1, 2))
        height = torch.minimum(bottom, bottom.transpose(1, 2)) - torch.maximum(top, top.transpose(1, 2))
        shared = width.clamp(min=0) * height.clamp(min=0)
        area = (right - left) * (bottom - top)
        # A product instead of a quotient: boxes of no area would divide by zero.
        return (shared > self._iou * (area + area.transpose(1, 2) - shared)).to(box_xyxy.dtype)


class SelectedRows(nn.Module):
    """A network with raw YOLO outputs, and suppression behind it: one output (N, rows, 6 + M).

    Columns are left, top, right, bottom, score, class, and what else the network says of a box (mask coefficients,
    keypoints): the layout of :class:`streamvision.inference.heads.yolo_detect.YoloEnd2EndHead`. Further outputs of
    the network follow as they are.

    Args:
        network: gives (N, 4 + classes + M, boxes) with centres and sizes, as the head ``yolo_v8`` reads them.
        card: of the network.
        select: see :class:`SelectBoxes`; ``None`` for its defaults.
    """

    def __init__(self, network: nn.Module, card: ModelCard, select: SelectBoxes | None = None) -> None:
        super().__init__()
        self._network = network
        self._classes = len(card.names)
        self._select = select or SelectBoxes(side=longer_side(card))

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return the rows of each picture, then the other outputs."""
        raw, *others = outputs_of(self._network(pictures))
        box_xyxy, class_scores, extra = split_yolo_v8(raw, self._classes)
        found = self._select(box_xyxy, class_scores, extra)
        columns = [found.box_xyxy, found.score[..., None], found.class_id[..., None]]
        return (torch.cat(columns if found.extra is None else [*columns, found.extra], dim=2), *others)


class FourOutputs(SelectedRows):
    """The same rows in the form of TFLite's detection post-processing, which MediaPipe reads.

    Outputs: (N, rows, 4) top, left, bottom, right as fractions of the input; (N, rows) class; (N, rows) score; (N,)
    number of rows that are filled; all floating-point. See
    https://ai.google.dev/edge/litert/models/metadata#object_detection.
    """

    def __init__(self, network: nn.Module, card: ModelCard, select: SelectBoxes | None = None) -> None:
        super().__init__(network, card, select)
        fraction = (1.0, 1.0) if card.box_unit == "normalized" else (1 / card.input.height_px, 1 / card.input.width_px)
        self._to_fraction: Tensor
        self.register_buffer("_to_fraction", torch.tensor(fraction * 2), persistent=False)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return location, category, score and number of detections."""
        raw, *_ = outputs_of(self._network(pictures))
        found = self._select(*split_yolo_v8(raw, self._classes)[:2])
        left, top, right, bottom = (found.box_xyxy[..., i : i + 1] for i in range(_CORNERS))
        location = torch.cat([top, left, bottom, right], dim=2) * self._to_fraction
        return location, found.class_id, found.score, (found.score > 0).to(found.score.dtype).sum(dim=1)


def split_yolo_v8(raw: Tensor, classes: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return (N, B, 4) corners, (N, B, classes) scores and (N, B, M) other values of a raw (N, 4 + ..., B) output."""
    rows = raw.transpose(1, 2)
    center, half = rows[..., :2], rows[..., 2:_CORNERS] / 2
    extra = rows[..., _CORNERS + classes :] if rows.shape[2] > _CORNERS + classes else None
    return torch.cat([center - half, center + half], dim=2), rows[..., _CORNERS : _CORNERS + classes], extra


def longer_side(card: ModelCard) -> float:
    """Return the length of the network input's longer side in the unit of its boxes."""
    return 1.0 if card.box_unit == "normalized" else float(max(card.input.width_px, card.input.height_px))


def outputs_of(result: Tensor | tuple[Tensor, ...] | list[Tensor]) -> tuple[Tensor, ...]:
    """Return the outputs of a network as a tuple, also where there is one."""
    return (result,) if isinstance(result, Tensor) else tuple(result)


def _rows(tensor: Tensor, index: Tensor) -> Tensor:
    """Return the rows (N, K, M) of (N, B, M) that (N, K) names."""
    return tensor.gather(1, index[..., None].expand(-1, -1, tensor.shape[2]))


def _same(class_id: Tensor) -> Tensor:
    return (class_id[:, :, None] == class_id[:, None, :]).to(class_id.dtype)
