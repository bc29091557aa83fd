"""Weights of YOLOX from others' files: its own checkpoints, and ONNX files, from which the tensors are carried back.

An ONNX file has its batch normalisation multiplied into the convolutions before it, and the names of most tensors are
lost. They are found again by the order in which both compute; :func:`restore_statistics` then measures on pictures what
each layer's normalisation has to be, so that the network says the same and can learn again.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from streamvision.checkpoints.checkpoint_file import read_tensors
from streamvision.checkpoints.mirrored import mirrored_cells
from streamvision.checkpoints.onnx_file import OnnxSource
from streamvision.checkpoints.run_facts import check_tensors
from streamvision.checkpoints.yolox_network import FIRST_CHANNELS, SCORES_AT, STRIDES_PX, Yolox, _Convolution
from streamvision.checkpoints.yolox_scales import SCALES, Scale
from streamvision.core.errors import ConfigError, ModelError

STEM = "backbone.backbone.stem.conv.conv.weight"
_PATCHES = ((0, 0), (1, 0), (0, 1), (1, 1))
"""Row and column of the four pictures of half the size that YOLOX' first layer makes, in its order."""
_MOST_BYTES = 1 << 30
_MOST_DIFFERENCE = 0.01
"""Of a score on noise; on photographs carried back weights are right to 1e-4."""


def class_tensors() -> tuple[str, ...]:
    """Return the names of the tensors that differ with the number of classes."""
    return tuple(f"head.cls_preds.{level}.{kind}" for level in range(len(STRIDES_PX)) for kind in ("weight", "bias"))


def read_weights(path: Path, scale: Scale, *, trusted: bool = False) -> dict[str, Tensor]:
    """Return the tensors of a file by the names that they have in :class:`~.yolox_network.Yolox`.

    Args:
        path: an ONNX file of YOLOX, a checkpoint of YOLOX' own, or one of ``streamvision train``.
        scale: which YOLOX it is.
        trusted: whether a checkpoint may run its author's code.

    Raises:
        ConfigError: when there is no such file.
        ModelError: when it cannot be read, or is no YOLOX of this scale.
    """
    if not path.is_file():
        raise ConfigError(f"there are no weights at {path}, and nothing is downloaded unasked: put the file there")
    if path.suffix.lower() == ".onnx":
        return _from_onnx(path, scale)
    tensors = read_tensors(path, trusted=trusted)
    if STEM in tensors and tensors[STEM].shape[1:] == (12, 3, 3):
        tensors[STEM] = _joined_stem(tensors[STEM])
    return tensors


def scale_of(path: Path, *, trusted: bool = False) -> str:
    """Return the name of the YOLOX whose weights a file holds, by the width of its first layer.

    Raises:
        ModelError: when it cannot be read, or is no YOLOX.
    """
    if path.suffix.lower() == ".onnx":
        width = len(_stored_convolutions(path)[0][0])
    else:
        width = len(read_tensors(path, trusted=trusted).get(STEM, ()))
    for name, scale in SCALES.items():
        if width == int(FIRST_CHANNELS * scale.width):
            return name
    raise ModelError(f"{path} is no YOLOX; give one of {', '.join(SCALES)}")


def load_weights(network: Yolox, tensors: dict[str, Tensor], path: Path) -> None:
    """Give a network all of its weights.

    Raises:
        ModelError: when they are not those of this architecture and number of classes.
    """
    try:
        left = network.load_state_dict(tensors, strict=False)
        if missing := [key for key in left.missing_keys if not key.endswith("num_batches_tracked")]:
            raise RuntimeError(f"{len(missing)} tensors are missing, such as {missing[0]}")
    except RuntimeError as error:
        cause = str(error).splitlines()[-1].strip()
        raise ModelError(
            f"{path} does not hold the weights of this YOLOX ({cause}); give those of the same one"
        ) from error


@torch.no_grad()
def restore_statistics(network: Yolox, pictures: Sequence[Tensor]) -> None:
    """Give the normalisation of each layer the statistics of its input, and leave what the network says as it is.

    Where a file had them folded away, they are those of no picture: in training, layers would be shifted and scaled by
    what a batch really has.

    Args:
        network: whose normalisation is the identity but for its bias.
        pictures: batches (N, 3, H, W) RGB of 0..1, in which a few hundred thousand places of each grid are seen.
    """
    sums: dict[_Convolution, list[Any]] = {}

    def note(layer: _Convolution, _convolution: Any, _given: Any, found: Tensor) -> None:
        values = found.double()
        count, total, squares = sums.setdefault(layer, [0, 0.0, 0.0])
        sums[layer] = [
            count + values.numel() // values.shape[1],
            total + values.sum((0, 2, 3)),
            squares + values.square().sum((0, 2, 3)),
        ]

    layers = [module for module in network.modules() if isinstance(module, _Convolution)]
    hooks = [layer.conv.register_forward_hook(partial(note, layer)) for layer in layers]
    was_training = network.training
    network.eval()
    try:
        for batch in pictures:
            network(batch)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    for layer, (count, total, squares) in sums.items():
        mean = total / count
        variance = (squares / count - mean.square()).clamp_min(0)
        norm: Any = layer.bn
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
        norm.bias.copy_(shift + mean * scale)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)


def _from_onnx(path: Path, scale: Scale) -> dict[str, Tensor]:
    found = _stored_convolutions(path)
    layers = _convolutions_in_order(Yolox(scale, classes=1))
    if len(found) != len(layers):
        raise ModelError(
            f"{path} has {len(found)} convolutions where this YOLOX has {len(layers)}; give a file of the same scale"
        )
    tensors: dict[str, Tensor] = {}
    for (name, layer), (weight, bias) in zip(layers, found, strict=True):
        if f"{name}.conv.weight" == STEM and weight.shape[1:] == (12, 3, 3):
            weight = _joined_stem(weight)
        if isinstance(layer, nn.Conv2d):
            tensors |= {f"{name}.weight": weight, f"{name}.bias": bias}
            continue
        tensors |= {
            f"{name}.conv.weight": weight,
            f"{name}.bn.weight": torch.full_like(bias, (1 + layer.bn.eps) ** 0.5),
            f"{name}.bn.bias": bias,
            f"{name}.bn.running_mean": torch.zeros_like(bias),
            f"{name}.bn.running_var": torch.ones_like(bias),
        }
    check_tensors(tensors, path)
    _prove(path, scale, tensors)
    return tensors


def _stored_convolutions(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Return weight and bias of each convolution of an ONNX file, in its order, which is that of computing."""
    import onnx
    from onnx import numpy_helper

    if path.stat().st_size > _MOST_BYTES:
        raise ModelError(f"{path} has more than {_MOST_BYTES >> 20} MB and is no YOLOX; give one of its files")
    try:
        graph = onnx.load(path, load_external_data=False).graph
        stored = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()).float() for one in graph.initializer}
    except Exception as error:  # protobuf has no common error
        raise ModelError(f"{path} cannot be read as ONNX ({type(error).__name__}); give a YOLOX as .onnx") from error
    found = []
    for node in graph.node:
        if node.op_type == "Conv":
            weight, bias = (*(stored.get(name) for name in node.input[1:]), None, None)[:2]
            if weight is None or bias is None:
                raise ModelError(f"{path} does not hold the weights of its convolutions itself; give a plain export")
            if weight.ndim != 4 or bias.shape != weight.shape[:1] or not len(bias):
                raise ModelError(f"{path} has a convolution that is none of pictures; give a plain export")
            found.append((weight, bias))
    if not found:
        raise ModelError(f"{path} has no convolutions with their weights (is it quantised?); give a plain export")
    return found


@torch.no_grad()
def _prove(path: Path, scale: Scale, tensors: dict[str, Tensor]) -> None:
    """Check that the tensors say in torch what the file says: layers of one shape may have changed their places."""
    network = Yolox(scale, classes=len(tensors[class_tensors()[0]]))
    load_weights(network, tensors, path)
    source = OnnxSource(path)
    card = source.card
    bgr = (
        np.random.default_rng(0).integers(0, 256, (1, 3, card.input.height_px, card.input.width_px)).astype(np.float32)
    )
    backend = source.backend(size_px=(card.input.width_px, card.input.height_px))
    with contextlib.closing(backend):
        (said,) = backend.run(bgr if card.input.color == "bgr" else bgr[:, ::-1] / 255)
    picture = torch.from_numpy(np.ascontiguousarray(bgr[:, ::-1]) / 255)
    raw = network.eval()(torch.cat([picture, picture.flip(3)]))
    scores = (raw[..., 4:5].sigmoid() * raw[..., SCORES_AT:].sigmoid()).transpose(1, 2)
    straight, turned = scores[0], scores[1][:, mirrored_cells(*picture.shape[2:])]
    theirs = {
        "yolox": lambda: said[0, :, 4:5] * said[0, :, SCORES_AT:],
        "yolox_decoded": lambda: said[0, :, 4:5] * said[0, :, SCORES_AT:],
        "yolo_v8": lambda: said[0, 4:].T,
    }.get(card.head, lambda: None)()
    ours = [each.T.numpy() for each in (straight, (straight + turned) / 2)]
    if theirs is None or not any(
        theirs.shape == each.shape and np.abs(theirs - each).max() <= _MOST_DIFFERENCE for each in ours
    ):
        raise ModelError(f"{path} computes something else than YOLOX of this scale; give a plain export of it")


@torch.no_grad()
def _convolutions_in_order(network: Yolox) -> list[tuple[str, Any]]:
    """Return the network's convolutions, those with a normalisation as one with it, in the order of computing."""
    order: list[tuple[str, Any]] = []

    def note(name: str, module: Any, _given: Any, _found: Any) -> None:
        order.append((name, module))

    hooks = [
        module.register_forward_hook(partial(note, name))
        for name, module in network.named_modules()
        if isinstance(module, _Convolution) or (isinstance(module, nn.Conv2d) and "_preds." in name)
    ]
    was_training = network.training
    network.eval()
    try:
        network(torch.zeros(1, 3, 64, 64))
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    return order


def _joined_stem(weight: Tensor) -> Tensor:
    """Return the first layer for RGB of 0..1, of YOLOX' for four pictures of half the size, BGR of 0..255."""
    joined = torch.zeros(weight.shape[0], 3, 6, 6)
    for part, (row, column) in enumerate(_PATCHES):
        joined[:, :, row::2, column::2] = weight[:, part * 3 : part * 3 + 3].flip(1)
    return joined * 255
