"""Random weights that behave like learnt ones: activations stay in range, and some objects are found.

Fresh initial weights do neither: without learnt statistics the activations of deep residual networks grow by orders of
magnitude, and detectors begin so that nothing reaches their lowest score. A comparison of two runtimes would then
compare overflow, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamvision.backends.torch_libraries import import_torch

PICTURES = 2
SIDE_PX = 160
CLASS_SPREAD = 2.5
"""Standard deviation of class logits, which lets a few of some thousand boxes stand out."""


def random_network(create: Callable[[], Any], *, seed: int, kind: str) -> Any:
    """Return a network in evaluation mode whose weights depend on the seed alone.

    Args:
        create: makes it with its initial weights.
        seed: of the weights.
        kind: what it does; see :class:`exporters.sources.torchvision_build.Built`.
    """
    torch = import_torch()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = create()
        pictures = torch.nn.functional.interpolate(
            torch.rand(PICTURES, 3, SIDE_PX // 16, SIDE_PX // 16), size=(SIDE_PX, SIDE_PX), mode="bicubic"
        )
        detector = kind in ("detect", "segment", "pose")
        _measure_statistics(network.backbone if detector else network, pictures)
        if detector:
            _spread_classes(network, pictures[:1])
    return network


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


def _spread_classes(network: Any, pictures: Any) -> None:
    """Scale the layers that give class logits until those differ as they do in a trained network."""
    seen: dict[Any, float] = {}
    layers = _class_layers(network)
    hooks = [
        layer.register_forward_hook(
            lambda layer, _inputs, output: seen.update({layer: max(seen.get(layer, 0.0), float(output.std()))})
        )
        for layer in layers
    ]
    network(list(pictures))
    for hook in hooks:
        hook.remove()
    for layer in layers:
        layer.weight.mul_(CLASS_SPREAD / max(seen[layer], 1e-6))


def _class_layers(network: Any) -> list[Any]:
    """Return the last layers of a detector's classification, one for each scale where they are not shared."""
    roi_heads = getattr(network, "roi_heads", None)
    if roi_heads is not None:
        return [roi_heads.box_predictor.cls_score]
    head = network.head.classification_head
    if hasattr(head, "cls_logits"):
        return [head.cls_logits]
    return [layer[-1] if hasattr(layer, "__getitem__") else layer for layer in head.module_list]
