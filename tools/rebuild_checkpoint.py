"""Rebuilds a detector's checkpoint from the ONNX file that ``streamvision train`` made of it.

``python tools/rebuild_checkpoint.py road_signs.onnx road_signs.pt --images DIR``

The file holds what a checkpoint holds, though in another form: the weights as they were learnt, in float16, beside the
factor by which batch normalisation multiplies each channel; the largest tensors in 12 bits, with that factor inside.
The network is ultralytics' own, filled with these numbers, so that ultralytics and ``streamvision train`` go on from
it.

Batch normalisation's statistics are lost, as every export folds them. They are measured again on pictures, and scale
and shift are chosen so that the layer computes what it did: equal outputs to rounding, and in training, where the
statistics of the batch are taken instead, channels of the size that later layers know.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PREFIX = "network."
"""What exports put before ultralytics' names of layers."""
PICTURES = 16
"""Even the coarsest maps then have thousands of cells in each channel."""
SCORE_DIFFERENCE = 1e-4
BOX_DIFFERENCE_PX = 0.05
"""How far the checkpoint's raw outputs may lie from the file's: float32 in another order of additions."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution as the file holds it."""

    weight: NDArray[np.float32]
    """(O, I, h, w) as it was learnt, or with batch normalisation inside."""
    factor: NDArray[np.float32]
    """(O,) what batch normalisation multiplies each channel by; ones where the weight holds it already."""
    bias: NDArray[np.float32] | None
    """(O,), or ``None``."""


@dataclass(frozen=True)
class Equality:
    """How far two networks lie from each other on the same pictures."""

    pictures: int
    box_px: float
    """Greatest difference of a raw box's edges or centre, in pixels of the input."""
    score: float
    """Greatest difference of a score."""

    @property
    def passed(self) -> bool:
        """Whether no more than rounding differs."""
        return self.box_px <= BOX_DIFFERENCE_PX and self.score <= SCORE_DIFFERENCE

    def __str__(self) -> str:
        word = "equal to rounding" if self.passed else "DIFFERENT"
        return f"{word} on {self.pictures} pictures, boxes within {self.box_px:.2g} px, scores within {self.score:.2g}"


def read_layers(path: Path) -> dict[str, Layer]:
    """Return the convolutions of an ONNX file by ultralytics' names of their layers."""
    import onnx
    from onnx import numpy_helper

    from exporters.onnx.graph import fold_constants

    model = onnx.load(str(path))
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    whole = {tensor.name: numpy_helper.to_array(tensor) for tensor in fold_constants(model).graph.initializer}
    layers = {}
    for node in model.graph.node:
        if node.op_type != "Conv" or not node.input[1].startswith(PREFIX):
            continue
        name = node.input[1]
        weight = whole[name].astype(np.float32)
        factor = np.ones(weight.shape[0], np.float32)
        if f"{name}.factor" in stored:
            weight = stored[f"{name}.float16"].astype(np.float32)
            factor = stored[f"{name}.factor"].reshape(-1).copy()
        bias = whole[node.input[2]].astype(np.float32) if len(node.input) > 2 else None
        layers[name.removeprefix(PREFIX).removesuffix(".weight")] = Layer(weight, factor, bias)
    return layers


def build(architecture: str, names: tuple[str, ...], layers: dict[str, Layer]) -> Any:
    """Return ultralytics' network with these weights and with statistics that change nothing.

    Raises:
        ValueError: when the file has other layers than the architecture.
    """
    import torch
    from ultralytics.nn.modules import Conv
    from ultralytics.nn.tasks import DetectionModel

    # With the class branch as wide as it is for COCO: what begins from COCO's weights keeps that.
    network = DetectionModel(architecture, verbose=False)
    head, classes = network.model[-1], len(names)
    for branch in head.cv3:
        branch[-1] = torch.nn.Conv2d(branch[-1].in_channels, classes, 1)
    head.nc, head.no = classes, classes + 4 * head.reg_max
    network.nc = network.yaml["nc"] = classes
    network.names, network.task = dict(enumerate(names)), "detect"
    normalised = {f"{name}.conv": module for name, module in network.named_modules() if isinstance(module, Conv)}
    expected = {name for name, module in network.named_modules() if isinstance(module, torch.nn.Conv2d)}
    if expected != layers.keys():
        odd = ", ".join(sorted(expected ^ layers.keys())[:5])
        raise ValueError(f"the file is no {architecture}: only one of the two has {odd}")
    modules = dict(network.named_modules())
    with torch.no_grad():
        for name, layer in layers.items():
            module = modules[name]
            module.weight.copy_(torch.from_numpy(layer.weight))
            if name in normalised:
                norm = normalised[name].bn
                norm.running_mean.zero_()
                norm.running_var.fill_(1 - norm.eps)
                norm.weight.copy_(torch.from_numpy(layer.factor))
                norm.bias.copy_(torch.from_numpy(layer.bias))
            elif layer.bias is not None:
                module.bias.copy_(torch.from_numpy(layer.bias))
    return network.eval()


def measure_statistics(network: Any, layers: dict[str, Layer], tensors: Iterable[NDArray[np.float32]]) -> None:
    """Give batch normalisation the mean and variance that its channels have on pictures, and outputs as before.

    Args:
        network: of :func:`build`; it is changed.
        layers: its weights as they were read.
        tensors: (1, 3, H, W) each, all of one size.
    """
    import torch
    from ultralytics.nn.modules import Conv

    normalised = {name: module for name, module in network.named_modules() if isinstance(module, Conv)}
    sums = {name: np.zeros((2, module.bn.num_features)) for name, module in normalised.items()}
    count = 0

    def adding(name: str) -> Any:
        def add(_module: Any, _inputs: Any, output: Any) -> None:
            variance, mean = (part.double() for part in torch.var_mean(output, dim=(0, 2, 3), correction=0))
            sums[name] += torch.stack([mean, variance + mean**2]).numpy()

        return add

    handles = [module.conv.register_forward_hook(adding(name)) for name, module in normalised.items()]
    with torch.no_grad():
        for tensor in tensors:
            network(torch.from_numpy(tensor))
            count += 1
        for handle in handles:
            handle.remove()
        for name, module in normalised.items():
            layer, norm = layers[f"{name}.conv"], module.bn
            mean, square = sums[name] / count
            norm.running_mean.copy_(torch.from_numpy(mean))
            norm.running_var.copy_(torch.from_numpy(np.maximum(square - mean**2, 0)))
            spread = np.sqrt(norm.running_var.double().numpy() + norm.eps)
            norm.weight.copy_(torch.from_numpy(layer.factor * spread))
            norm.bias.copy_(torch.from_numpy(layer.bias + layer.factor * norm.running_mean.double().numpy()))


def compare(network: Any, path: Path, tensors: Iterable[NDArray[np.float32]]) -> Equality:
    """Return how far the network's raw outputs lie from those of the ONNX file."""
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0].name
    pictures, box_px, score = 0, 0.0, 0.0
    for tensor in tensors:
        expected = session.run(None, {entry: tensor})[0]
        with torch.no_grad():
            outputs = network(torch.from_numpy(tensor))
        found = (outputs[0] if isinstance(outputs, (tuple, list)) else outputs).numpy()
        differences = np.abs(found - expected)
        box_px = max(box_px, float(differences[:, :4].max()))
        score = max(score, float(differences[:, 4:].max()))
        pictures += 1
    return Equality(pictures, box_px, score)


def save(network: Any, path: Path, *, side_px: int) -> None:
    """Write the checkpoint as ultralytics reads it, in float32: float16 would round what the file holds exactly."""
    import torch
    import ultralytics

    document = {
        "model": network.float(),
        "ema": None,
        "optimizer": None,
        "epoch": -1,
        "train_args": {"task": "detect", "imgsz": side_px},
        "date": "",
        "version": ultralytics.__version__,
        "license": "AGPL-3.0 (https://ultralytics.com/license)",
    }
    torch.save(document, path)


def rebuild(
    onnx_file: Path,
    checkpoint: Path,
    *,
    images: Path,
    pictures: int = PICTURES,
    architecture: str = "yolov8n.yaml",
) -> Equality:
    """Write the checkpoint of an ONNX file, read it again and return how far it lies from the file.

    Args:
        onnx_file: with a card in it.
        checkpoint: where it goes; an older one is replaced.
        images: folder of pictures to measure statistics on, and to compare on.
        pictures: how many of them.
        architecture: ultralytics' name of it.

    Raises:
        ValueError: when the file has other layers than the architecture.
    """
    import torch

    from exporters.pictures import calibration_tensors
    from streamvision.core.config.model import ModelConfig
    from streamvision.inference.model import Model

    with Model.open(ModelConfig(path=onnx_file)) as model:
        card = model.card.with_input(dynamic_size=False, dynamic_batch=False, batch=1)
    tensors = calibration_tensors(images, card.input, count=pictures)
    layers = read_layers(onnx_file)
    network = build(architecture, card.names, layers)
    measure_statistics(network, layers, tensors)
    save(network, checkpoint, side_px=max(card.input.width_px, card.input.height_px))
    read = torch.load(checkpoint, map_location="cpu", weights_only=False)["model"].eval()
    return compare(read, onnx_file, tensors)


def main() -> int:
    """Rebuild the checkpoint; the exit code is 1 where it differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx_file", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--images", type=Path, required=True, help="pictures like those that it learnt from")
    parser.add_argument("--architecture", default="yolov8n.yaml")
    given = parser.parse_args()
    equality = rebuild(given.onnx_file, given.checkpoint, images=given.images, architecture=given.architecture)
    sys.stdout.write(f"{given.checkpoint}: {equality}\n")
    return 0 if equality.passed else 1


if __name__ == "__main__":
    sys.exit(main())
