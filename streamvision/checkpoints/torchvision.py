"""Torchvision's models (BSD-3-Clause): detectors, masks, keypoints, segmentation; classifiers of others, too.

Outputs, the number of rows K being what the model gives at most:

- head ``rows``, for all detectors: ``boxes`` (B, K, 4) float32 left, top, right, bottom in input pixels; ``scores``
  (B, K) float32; ``labels`` (B, K) int64 counted from 0 without background; best score first, free of duplicates. Rows
  that are not filled have the score 0. Mask R-CNN adds ``masks`` (B, K, 28, 28) float32: probabilities on a grid that
  covers the box. Keypoint R-CNN adds ``keypoints`` (B, K, 17, 3) float32: x and y in input pixels, confidence 0..1.
- head ``semantic``: ``logits`` (B, C, H, W) float32 of each class, background included, in the input's size.
- head ``classify``: ``probabilities`` (B, C) float32 after softmax.

The networks take what the card says, already scaled to the input's size: torchvision's own resizing inside detectors
is taken out, as the runtime does that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.checkpoints.base import StoredRun, TorchSource, chosen_names
from streamvision.checkpoints.torchvision_build import Kind, TorchvisionNetwork, build_run
from streamvision.core.errors import ExportError
from streamvision.inference.coco import COCO_KEYPOINTS, COCO_SIGMAS, COCO_SKELETON
from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard

PAD_VALUE = 114
"""Torchvision pads with the mean of its data, which is this grey to within two levels."""


_BOXES = ("boxes", "scores", "labels")
_OUTPUTS: dict[Kind, tuple[str, ...]] = {
    "detect": _BOXES,
    "segment": (*_BOXES, "masks"),
    "pose": (*_BOXES, "keypoints"),
    "semantic": ("logits",),
    "classify": ("probabilities",),
}


class TorchvisionSource(TorchSource):
    """A torchvision model with weights.

    Args:
        described: the network and what is known of it.
        path: the weights, or the model's name where they are random.
        names: class names that override the known ones.
        size_px: (width, height) of the input; ``None`` for the model's own.

    Raises:
        ConfigError: when the number of names is not that of the classes.
        ExportError: when the network takes one size only, and another is asked for.
    """

    def __init__(
        self,
        described: TorchvisionNetwork,
        *,
        path: Path,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
    ) -> None:
        fixed_px = getattr(described.network, "image_size", None)
        if fixed_px and size_px not in (None, (fixed_px, fixed_px)):
            raise ExportError(
                f"{described.name} has learnt places of {fixed_px}x{fixed_px} px and takes no other size; leave out "
                "--imgsz"
            )
        self._described = described
        head = described.kind if described.kind in ("semantic", "classify") else "rows"
        card = ModelCard(
            task=described.kind,
            head=head,
            names=chosen_names(described.names, names, path),
            input=input_card(described),
            keypoints=_keypoints(described) if described.kind == "pose" else None,
            nms_inside=head == "rows",
            source=f"{described.title}, {described.beginning}",
        )
        super().__init__(path=path, card=card, output_names=_OUTPUTS[described.kind], size_px=size_px)

    @classmethod
    def of_run(cls, run: StoredRun) -> TorchvisionSource:
        """Open what the ``best.pt`` or ``last.pt`` of a run of ``streamvision train`` holds.

        Raises:
            ModelError: when the tensors are not those of its architecture.
            UntrustedError: when that is code of the user's and not trusted.
        """
        described = build_run(run.stored, run.path, trusted=run.trusted)
        return cls(described, path=run.path, names=run.names, size_px=run.size_px)

    def module(self, *, dynamic_size: bool = False) -> Any:
        """Return a fresh module; ``dynamic_size`` makes no difference to it."""
        from streamvision.checkpoints.torchvision_networks import as_network

        return as_network(self._described)


def input_card(described: TorchvisionNetwork) -> InputCard:
    """Return how a network is fed."""
    size: dict[str, Any] = {"width_px": described.side_px, "height_px": described.side_px}
    if described.kind == "classify":
        return InputCard(
            **size,
            resize="crop_center",
            crop_short_side_px=described.crop_short_side_px,
            mean=described.mean,
            std=described.std,
            sampling="bicubic" if described.bicubic else "pixel_center",
            stride_px=1,
        )
    if described.kind == "semantic":
        return InputCard(**size, mean=described.mean, std=described.std, pad_value=PAD_VALUE, stride_px=8)
    return InputCard(**size, resize="stretch" if described.stretches else "letterbox_top_left", pad_value=PAD_VALUE)


def _keypoints(described: TorchvisionNetwork) -> KeypointCard:
    given = described.keypoint_names
    if described.keypoints == len(COCO_KEYPOINTS):
        return KeypointCard(names=given or COCO_KEYPOINTS, skeleton=COCO_SKELETON, oks_sigma=COCO_SIGMAS)
    return KeypointCard(names=given or tuple(f"point {index}" for index in range(described.keypoints)))
