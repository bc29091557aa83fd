"""Random weights that behave like learnt ones: activations stay in range, and some objects are found.

Fresh initial weights do neither: without learnt statistics the activations of deep residual networks grow by orders of
magnitude, and detectors begin so that nothing reaches their lowest score. A comparison of two runtimes would then
compare overflow, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.picture import BgrPicture
from streamvision.synthetic.drive import DriveScene

PICTURES = 2
DRAWN_SIZE_PX = (1280, 720)
SIDE_PX = 256
CLASS_PEAK = 6.0
"""Greatest class logit above that class's mean, which lets a few of some thousand boxes stand out. With much more, the
best scores all round to 1, and which of them come first is chance."""
MEAN, STD = 0.45, 0.225
"""Of ImageNet's pictures, all channels together."""
SILENT_STD = 0.02
"""Of the weights that layers get which begin with zeros."""
CLASS_BIAS = -4.6
"""Logit of a class before anything is seen, where scores are sigmoids: 0.01."""


def random_network(create: Callable[[], Any], *, seed: int, kind: str) -> Any:
    """Return a torchvision network in evaluation mode whose weights depend on the seed alone.

    Args:
        create: makes it with its initial weights.
        seed: of the weights.
        kind: what it does; see :class:`streamvision.checkpoints.torchvision_build.TorchvisionNetwork`.
    """
    torch = import_torch()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = create()
        pictures = _pictures(getattr(network, "image_size", SIDE_PX))
        detector = kind in ("detect", "segment", "pose")
        if detector:
            normalised = torch.stack([network.transform.normalize(picture) for picture in pictures])
            _measure_statistics(network.backbone, normalised)
            _calm_channels(network.backbone)
            _spread_classes(_class_layers(network), lambda: network(list(pictures[:1])))
        else:
            normalised = (pictures - MEAN) / STD
            _measure_statistics(network, normalised)
            _calm_channels(network)
            if kind == "classify":
                _wake_silent(network)
                _spread_classes(_last_linear(network), lambda: network(normalised))
    return network


def settle_yolo(network: Any) -> None:
    """Do the same to an ultralytics network with its initial weights; the generator of random numbers is the caller's.

    Args:
        network: in evaluation mode.
    """
    torch = import_torch()
    with torch.no_grad():
        pictures = _pictures()
        _measure_statistics(network, pictures)
        _calm_channels(network)
        head = network.model[-1]
        if hasattr(head, "linear"):
            _spread_classes([head.linear], lambda: network(pictures))
            return
        layers = [scale[-1] for branch in ("cv3", "one2one_cv3") for scale in getattr(head, branch, None) or ()]
        if hasattr(head, "dec_score_head"):  # of queries: the first layer chooses them, the last names them
            layers = [head.enc_score_head, head.dec_score_head[-1]]
            _wake_silent(head)
        for layer in layers:
            layer.bias.fill_(CLASS_BIAS)
        _spread_classes(layers, lambda: network(pictures[:1]))


def _pictures(side_px: int = SIDE_PX) -> Any:
    """Return (PICTURES, 3, side_px, side_px) drawn pictures, 0..1."""
    torch = import_torch()
    scene = DriveScene(*DRAWN_SIZE_PX, 1.0, 0)
    drawn = [BgrPicture(scene.picture_at(index).to_bgr()) for index in scene.spread(PICTURES)]
    levels = np.stack([picture.resize_rgb(side_px, side_px) for picture in drawn])
    return torch.from_numpy(levels).permute(0, 3, 1, 2) / 255


def _measure_statistics(network: Any, pictures: Any) -> None:
    """Let batch normalisation take the statistics of these pictures."""
    from torch.nn import BatchNorm2d

    layers = [layer for layer in network.modules() if isinstance(layer, BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 1.0
        layer.train()
    network(pictures)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
        layer.eval()


def _calm_channels(network: Any) -> None:
    """Lift the variance of quiet channels to the mean of their layer.

    A channel that these few pictures hardly excite would be amplified so much that photographs saturate every score.
    """
    from torch.nn import BatchNorm2d

    for layer in network.modules():
        if isinstance(layer, BatchNorm2d) and layer.running_var is not None:
            layer.running_var.clamp_(min=float(layer.running_var.mean()))


def _wake_silent(part: Any) -> None:
    """Give weights to layers that begin with zeros, or else whatever comes through them would not be compared."""
    from torch.nn import Linear
    from torch.nn.init import normal_

    for layer in part.modules():
        if isinstance(layer, Linear) and not layer.weight.any():
            normal_(layer.weight, std=SILENT_STD)


def _spread_classes(layers: Sequence[Any], run: Callable[[], Any]) -> None:
    """Scale and shift the layers of class logits until some boxes stand out, and each class in its own places."""
    torch = import_torch()
    seen: dict[Any, list[Any]] = {layer: [] for layer in layers}

    def keep(layer: Any, _inputs: Any, output: Any) -> None:
        by_class = output if isinstance(layer, torch.nn.Linear) else output.movedim(1, -1)
        seen[layer].append(by_class.flatten(end_dim=-2))

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    biases = [layer.bias.clone() for layer in layers]
    for layer in layers:
        layer.bias.zero_()
    run()
    for layer, hook, bias in zip(layers, hooks, biases, strict=True):
        hook.remove()
        logits = torch.cat(seen[layer])
        usual = logits.mean(dim=0)
        scale = CLASS_PEAK / max(float((logits - usual).max()), 1e-6)
        layer.weight.mul_(scale)
        layer.bias.copy_(bias - scale * usual)


def _last_linear(network: Any) -> list[Any]:
    """Return the last layer of a classifier, whose classes are otherwise all equally probable."""
    from torch.nn import Linear

    return [layer for layer in network.modules() if isinstance(layer, Linear)][-1:]


def _class_layers(network: Any) -> list[Any]:
    """Return the last layers of a detector's classification, one for each scale where they are not shared."""
    roi_heads = getattr(network, "roi_heads", None)
    if roi_heads is not None:
        return [roi_heads.box_predictor.cls_score]
    head = network.head.classification_head
    if hasattr(head, "cls_logits"):
        return [head.cls_logits]
    return [layer[-1] if hasattr(layer, "__getitem__") else layer for layer in head.module_list]
