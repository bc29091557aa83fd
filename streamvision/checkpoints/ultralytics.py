"""Checkpoints of ultralytics (YOLOv8, 11, 26, RT-DETR): objects, masks, keypoints, oriented boxes, classes, maps.

A checkpoint is a pickle, which may run code of its author's while it is loaded; so it is looked at first, and refused
where it asks for more than networks need.

Outputs, as ultralytics' own exports have them (https://docs.ultralytics.com/modes/export/), boxes in input pixels:

- ``yolo_v8``: (B, 4 + classes, boxes), centre and size, then scores.
- ``yolo_end2end``: (B, 300, 6), already selected.
- ``rtdetr``: (B, 300, 6), centre and size in fractions of the input, score, class.
- ``yolo_seg``: (B, 4 + classes + coefficients, boxes) and prototypes (B, coefficients, H / 4, W / 4).
- ``yolo_pose``: (B, 4 + classes + keypoints * dimensions, boxes).
- ``yolo_obb``: (B, 4 + classes + 1, boxes), the angle in radians last.
- ``classify``: (B, classes) probabilities.
- ``semantic``: (B, classes, H / 8, W / 8) logits, which the runtime brings to the picture's size.
- ``depth``: (B, 1, H, W) metres.

End-to-end models (YOLO26) have a second branch, which gives the same layouts as models that are not; for masks,
keypoints and oriented boxes that branch is taken, and suppression follows it.
"""

from __future__ import annotations

import contextlib
import copy
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.checkpoints.base import TorchSource, chosen_names, with_size
from streamvision.checkpoints.checkpoint_file import network_of, read_checkpoint
from streamvision.checkpoints.random_weights import settle_yolo
from streamvision.checkpoints.run_facts import check_tensors
from streamvision.checkpoints.torch_runtime import TorchBackend, import_torch, import_ultralytics
from streamvision.core.config.model_input import Resize
from streamvision.core.errors import MissingDependencyError, ModelError
from streamvision.inference.coco import COCO_KEYPOINTS, COCO_SIGMAS, COCO_SKELETON
from streamvision.inference.letterbox import rounded_up
from streamvision.inference.model_card import InputCard, KeypointCard, ModelCard, Task

LICENCE = "AGPL-3.0 (made with ultralytics, https://ultralytics.com/license)"
DEFAULT_SIDE_PX = 640
_SIDES_PX = {"classify": 224}
_HEADS: dict[str, tuple[Task, str, tuple[str, ...]]] = {
    "detect": ("detect", "yolo_v8", ("output0",)),
    "segment": ("segment", "yolo_seg", ("output0", "output1")),
    "pose": ("pose", "yolo_pose", ("output0",)),
    "obb": ("obb", "yolo_obb", ("output0",)),
    "classify": ("classify", "classify", ("output0",)),
    "semantic": ("semantic", "semantic", ("output0",)),
    "depth": ("depth", "depth", ("output0",)),
}
"""By ultralytics' name of the task: ours, the head, and the outputs."""
_STRETCHED = ("rtdetr", "depth")
"""Heads of networks whose pictures ultralytics stretches to the input's size."""


class UltralyticsSource(TorchSource):
    """A checkpoint, or with a seed an architecture that has learnt nothing.

    Args:
        path: a ``.pt`` file, or the name of an architecture (``.yaml``) where ``random_weights`` is given.
        names: class names that override the checkpoint's.
        size_px: (width, height) of the input; ``None`` for the side that it was trained with. Rounded up to what the
            network can take.
        random_weights: seed of random weights.
        trusted: whether a checkpoint may run its author's code.

    Raises:
        ConfigError: when the number of names is not that of the classes.
        ModelError: when the file is no such checkpoint, or its task is not supported.
        MissingDependencyError: when torch or ultralytics is not installed.
    """

    def __init__(
        self,
        path: Path,
        *,
        names: tuple[str, ...] | None = None,
        size_px: tuple[int, int] | None = None,
        random_weights: int | None = None,
        trusted: bool = False,
    ) -> None:
        self._network, trained_side_px = load_network(path, random_weights=random_weights, trusted=trusted)
        task = str(getattr(self._network, "task", "detect"))
        if task not in _HEADS:
            raise ModelError(f"{path} is a model for {task!r}; models for {', '.join(_HEADS)} can be exported")
        stride_px = int(max(self._network.stride))
        own_names: dict[int, str] = dict(self._network.names)
        known_task, head, output_names = _HEADS[task]
        queries = type(self._network.model[-1]).__name__ == "RTDETRDecoder"
        end2end = task == "detect" and not queries and bool(getattr(self._network, "end2end", False))
        head = "rtdetr" if queries else "yolo_end2end" if end2end else head
        side_px = rounded_up(trained_side_px or _SIDES_PX.get(task, DEFAULT_SIDE_PX), stride_px)
        card = ModelCard(
            task=known_task,
            head=head,
            names=chosen_names([own_names[class_id] for class_id in sorted(own_names)], names, path),
            input=_input(head, side_px, stride_px),
            keypoints=_keypoints(self._network) if task == "pose" else None,
            nms_inside=end2end or queries,
            licence=None if random_weights is not None else LICENCE,
            source=path.name,
        )
        size_px = size_px and (rounded_up(size_px[0], stride_px), rounded_up(size_px[1], stride_px))
        super().__init__(path=path, card=card, output_names=output_names, size_px=size_px)

    def stored_weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the checkpoint's weights as they are stored, by the names that they have in :meth:`module`.

        There batch normalisation has been folded into some of them.
        """
        return {f"network.{name}": tensor.float().numpy() for name, tensor in self._network.state_dict().items()}

    def module(self, *, dynamic_size: bool = False) -> Any:
        """Return a fresh module, batch normalisation folded into its convolutions."""
        return export_module(self._network, dynamic_size=dynamic_size, fuse=True)

    def backend(self, *, size_px: tuple[int, int], device: str = "cpu") -> TorchBackend:
        """Return the checkpoint in torch in fp32, its layers as they were trained."""
        network = export_module(self._network, dynamic_size=True, fuse=False)
        card = with_size(self.card, size_px)
        return TorchBackend(network, path=self.path, card=card, output_names=self.output_names, device=device)


def load_network(path: Path, *, random_weights: int | None = None, trusted: bool = False) -> tuple[Any, int | None]:
    """Return the torch module of a checkpoint in fp32 on the CPU, and the side in pixels that it was trained with.

    The side is ``None`` where the checkpoint does not say it. What is not trusted is looked at before ultralytics reads
    it.

    Raises:
        MissingDependencyError: when torch or ultralytics is not installed.
        ModelError: when the file is not a checkpoint of an ultralytics model, or is not trusted.
    """
    if random_weights is None:
        check_checkpoint(path, trusted=trusted)
    torch = import_torch()
    with contextlib.redirect_stdout(sys.stderr), torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_weights or 0)
        try:
            ultralytics = import_ultralytics()
            if random_weights is not None:
                check_architecture(path)
            # As on ultralytics' command line, an architecture's name decides; checkpoints say it themselves.
            queries = random_weights is not None and "rtdetr" in path.stem.lower()
            model: Any = ultralytics.RTDETR(str(path)) if queries else ultralytics.YOLO(str(path), verbose=False)
            network = model.model.float().eval()
        except (MissingDependencyError, ModelError):
            raise
        except Exception as error:  # unpickling raises whatever the file's content leads to
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelError(
                f"{path} is not a checkpoint that ultralytics can load ({first}); give another, or an export (.onnx)"
            ) from error
        if random_weights is not None:
            settle_yolo(network)
    network.requires_grad_(False)
    side = (getattr(model, "overrides", None) or {}).get("imgsz")
    if side is None:
        return network, None
    return network, int(max(side)) if isinstance(side, (list, tuple)) else int(side)


def check_checkpoint(path: Path, *, trusted: bool, rebuilt: bool = False) -> dict[str, Any]:
    """Return what a checkpoint holds, as stand-ins, where ultralytics may read it.

    Args:
        path: the checkpoint.
        trusted: whether it may run its author's code.
        rebuilt: whether ultralytics will build its network anew, as it does for training.

    Raises:
        ModelError: when it is none, has no network in it, or asks for more than networks need and is not trusted.
    """
    import_ultralytics()
    stored = read_checkpoint(path, trusted=trusted)
    if (network := network_of(stored)) is None:
        raise ModelError(
            f"{path} holds no network of ultralytics; give one that does, or tensors alone with the name of their "
            "architecture as the model and --weights"
        )
    check_tensors(_weights(network), path)
    if rebuilt and not trusted:
        _check_layers(getattr(network, "yaml", None), path)
    return stored if isinstance(stored, dict) else {"model": network}


def _weights(network: Any) -> dict[str, Any]:
    """Return the parameters of a network, or of its stand-in, by name; buffers may hold infinity, as anchors do."""
    found: dict[str, Any] = {}
    waiting, seen = [("network", network)], set()
    while waiting:
        name, part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        own, inner = (getattr(part, key, None) for key in ("_parameters", "_modules"))
        if isinstance(own, dict):
            found |= {f"{name}.{key}": one for key, one in own.items() if one is not None}
        if isinstance(inner, dict):
            waiting += [(f"{name}.{key}", one) for key, one in inner.items()]
    return found


def check_architecture(path: Path) -> None:
    """Refuse an architecture by its name or file (``.yaml``) that names other things than layers.

    Raises:
        ModelError: naming what is none.
    """
    from ultralytics.nn.tasks import yaml_model_load

    try:
        architecture = yaml_model_load(path)
    except Exception as error:  # of YAML, of ultralytics' search for the file
        raise ModelError(f"{path} is not an architecture of ultralytics ({error}); give another name") from error
    _check_layers(architecture, path)


def _check_layers(architecture: Any, path: Path) -> None:
    from streamvision.checkpoints.allow_list import refuse_architecture

    try:
        refuse_architecture(architecture)
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # whatever the file has in place of layers
        raise ModelError(f"{path} has an architecture that cannot be built: {error}") from error


def export_module(network: Any, *, dynamic_size: bool, fuse: bool) -> Any:
    """Return a copy of an ultralytics network as a module whose output is a tuple of tensors.

    Args:
        network: of a checkpoint; it stays as it is.
        dynamic_size: whether the module may meet inputs of several sizes, which makes it compute its grid anew.
        fuse: whether batch normalisation is folded into convolutions.
    """
    import torch
    from ultralytics.nn.modules import C2f, Classify, Depth, Detect, RTDETRDecoder

    network = copy.deepcopy(network)
    head = network.model[-1]
    if isinstance(head, Detect):
        if network.task != "detect" and getattr(head, "end2end", False):
            if head.cv2 is None:
                raise ModelError(
                    "this checkpoint has lost the branch that gives raw boxes; give it as it was before it was fused"
                )
            head.end2end = False
        head.dynamic, head.shape = dynamic_size, None
        head.export, head.format = True, "onnx"
    elif isinstance(head, RTDETRDecoder):
        head.dynamic, head.export, head.format = dynamic_size, True, "onnx"
        if not dynamic_size:
            count = min(head.num_queries, head.max_det)
            head.postprocess = partial(_best_queries, classes=head.nc, count=count)
    elif isinstance(head, (Classify, Depth)):
        head.export = True
    with contextlib.redirect_stdout(sys.stderr):
        if fuse:
            network.fuse(verbose=False)
    for layer in network.modules():
        if isinstance(layer, C2f):
            layer.forward = layer.forward_split  # the same result by operators that more converters know

    class UltralyticsNetwork(torch.nn.Module):
        """The network as a function of pictures to a tuple."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
            outputs = self.network(pictures)
            return tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)

    return UltralyticsNetwork().eval()


def _best_queries(boxes: Any, scores: Any, *, classes: int, count: int) -> Any:
    """Return (N, count, 6): what ultralytics' own selection gives, in operations that Core ML's converter knows.

    The converter divides integers as floats, and takes only integers as indices.
    """
    import torch

    flat = scores.flatten(1)
    best, place = flat.topk(min(count, flat.shape[1]))
    query = torch.div(place, classes, rounding_mode="floor").to(torch.int32)
    chosen = boxes.gather(1, query.long()[..., None].expand(-1, -1, boxes.shape[2]))
    return torch.cat([chosen, best[..., None], (place - query * classes)[..., None].float()], dim=2)


def _input(head: str, side_px: int, stride_px: int) -> InputCard:
    if head == "classify":
        return InputCard(
            width_px=side_px,
            height_px=side_px,
            resize="crop_center",
            crop_short_side_px=side_px,
            stride_px=stride_px,
        )
    resize: Resize = "stretch" if head in _STRETCHED else "letterbox_center"
    return InputCard(width_px=side_px, height_px=side_px, stride_px=stride_px, resize=resize)


def _keypoints(network: Any) -> KeypointCard:
    count = int(network.model[-1].kpt_shape[0])
    by_class: dict[int, list[str]] = getattr(network, "kpt_names", None) or {}
    given = next(iter(by_class.values()), None)
    if count == len(COCO_KEYPOINTS):
        return KeypointCard(names=tuple(given or COCO_KEYPOINTS), skeleton=COCO_SKELETON, oks_sigma=COCO_SIGMAS)
    return KeypointCard(names=tuple(given or (f"point {index}" for index in range(count))))
