"""Torchvision's models (BSD-3-Clause): detectors, masks, keypoints, segmentation, classification.

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
from typing import Any, NamedTuple

from streamvision.checkpoints.sizes import with_size
from streamvision.checkpoints.torch_network import TorchBackend
from streamvision.checkpoints.torchvision_build import Built, Kind, build_named, build_run
from streamvision.core.errors import ConfigError, ExportError, ModelError
from streamvision.inference.coco import COCO_KEYPOINTS, COCO_SIGMAS, COCO_SKELETON
from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard, Task

PAD_VALUE = 114
"""Torchvision pads with the mean of its data, which is this grey to within two levels."""


class _Layout(NamedTuple):
    task: Task
    head: str
    outputs: tuple[str, ...]


_BOXES = ("boxes", "scores", "labels")
_LAYOUTS: dict[Kind, _Layout] = {
    "detect": _Layout("detect", "rows", _BOXES),
    "segment": _Layout("segment", "rows", (*_BOXES, "masks")),
    "pose": _Layout("pose", "rows", (*_BOXES, "keypoints")),
    "semantic": _Layout("semantic", "semantic", ("logits",)),
    "classify": _Layout("classify", "classify", ("probabilities",)),
}


class TorchvisionSource:
    """A torchvision model with weights; see :class:`exporters.base.Source`.

    Args:
        built: the network and what is known of it.
        path: the weights, or the model's name where they are random.
        names: class names that override the known ones.
        size_px: (width, height) of the input; ``None`` for the model's own.

    Raises:
        ConfigError: when the number of names is not that of the classes.
        ExportError: when the network takes one size only, and another is asked for.
    """

    def __init__(
        self,
        built: Built,
        *,
        path: Path,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
    ) -> None:
        if names and len(names) != len(built.names):
            raise ConfigError(f"{path} has {len(built.names)} classes, but {len(names)} names were given; give as many")
        fixed_px = getattr(built.network, "image_size", None)
        if fixed_px and size_px not in (None, (fixed_px, fixed_px)):
            raise ExportError(
                f"{built.name} has learnt places of {fixed_px}x{fixed_px} px and takes no other size; leave out --imgsz"
            )
        self._built = built
        self._path = path
        self._layout = _LAYOUTS[built.kind]
        self._card = with_size(
            ModelCard(
                task=self._layout.task,
                head=self._layout.head,
                names=names or built.names,
                input=_input(built),
                keypoints=_keypoints(built) if built.kind == "pose" else None,
                nms_inside=self._layout.head == "rows",
                source=f"torchvision {built.name}, {built.beginning}",
            ),
            size_px,
        )

    @classmethod
    def by_name(
        cls,
        name: str,
        *,
        weights: Path | None,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
        random_weights: int | None = None,
    ) -> TorchvisionSource:
        """Open a model by torchvision's name of it.

        Raises:
            ConfigError: when there is no such model, or neither weights nor a seed were given, or both.
            ModelError: when the weights are not this model's.
            MissingDependencyError: when torchvision is not installed.
        """
        built = build_named(name, weights=weights, seed=random_weights)
        return cls(built, path=weights or Path(name), names=names, size_px=size_px)

    @classmethod
    def of_run(
        cls, path: Path, *, names: tuple[str, ...] | None = None, size_px: tuple[int, int] | None = None
    ) -> TorchvisionSource:
        """Open the ``best.pt`` or ``last.pt`` of a run of ``streamvision train``.

        Raises:
            ModelError: when the file is not one.
        """
        return cls(build_run(path), path=path, names=names, size_px=size_px)

    @property
    def path(self) -> Path:
        """The weights."""
        return self._path

    @property
    def card(self) -> ModelCard:
        """How the network is fed and read."""
        return self._card

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs; the module's docstring says what they hold."""
        return self._layout.outputs

    @property
    def onnx(self) -> Path | None:
        """None: it has a torch side."""
        return None

    def module(self, *, dynamic_size: bool = False) -> Any:
        """Return a fresh module; see :meth:`exporters.base.Source.module`."""
        from streamvision.checkpoints.torchvision_networks import as_network

        return as_network(self._built)

    def backend(self, *, size_px: tuple[int, int], device: str = "cpu") -> TorchBackend:
        """Return the model in torch in fp32."""
        return TorchBackend(
            self.module(),
            path=self._path,
            card=with_size(self._card, size_px),
            output_names=self._layout.outputs,
            device=device,
        )


def is_training_run(path: Path) -> bool:
    """Say whether a file holds tensors and the name of their architecture, as our training leaves them.

    Raises:
        ModelError: when there is no such file.
        MissingDependencyError: when torch is not installed.
    """
    from streamvision.checkpoints.torchvision_build import read_tensors

    if not path.is_file():
        raise ModelError(f"no checkpoint at {path}: give an existing .pt file")
    stored = read_tensors(path)
    return stored is not None and "architecture" in stored


def _input(built: Built) -> InputCard:
    size: dict[str, Any] = {"width_px": built.side_px, "height_px": built.side_px}
    if built.kind == "classify":
        return InputCard(
            **size,
            resize="crop_center",
            crop_short_side_px=built.crop_short_side_px,
            mean=built.mean,
            std=built.std,
            sampling="bicubic" if built.bicubic else "pixel_center",
            stride_px=1,
        )
    if built.kind == "semantic":
        return InputCard(**size, mean=built.mean, std=built.std, pad_value=PAD_VALUE, stride_px=8)
    return InputCard(**size, resize="stretch" if built.stretches else "letterbox_top_left", pad_value=PAD_VALUE)


def _keypoints(built: Built) -> KeypointCard:
    if built.keypoints == len(COCO_KEYPOINTS):
        return KeypointCard(names=COCO_KEYPOINTS, skeleton=COCO_SKELETON, oks_sigma=COCO_SIGMAS)
    return KeypointCard(names=tuple(f"point {index}" for index in range(built.keypoints)))
