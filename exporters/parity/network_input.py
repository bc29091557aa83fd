"""What a network is fed with where whole pictures are the artefact's input: the part of its graph before the network.

Source and export can then be compared at the network's input, too, though it lies in the middle of the export's graph.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from exporters.base import Target, UnverifiedArtifact
from exporters.converters import import_converter
from streamvision.core.picture import Picture, YuvPicture
from streamvision.inference.backends.base import Backend


def open_network_input(target: Target, artifact: UnverifiedArtifact, scratch: Path) -> Backend:
    """Return what gives the network's input for the artefact's; the caller closes it.

    Args:
        target: what made the artefact, and executes it here.
        artifact: an export whose input is whole pictures.
        scratch: folder for a file of that part of the graph.

    Raises:
        StreamVisionError: when it cannot be executed.
    """
    folder = scratch / "network_input"
    folder.mkdir(exist_ok=True)
    if artifact.path.is_dir():
        _save_openvino(next(artifact.path.glob("*.xml")), folder / "network_input.xml")
        return target.open(replace(artifact, path=folder))
    onnx = import_converter("onnx")
    from exporters.graph.picture_input import without_network

    path = folder / "network_input.onnx"
    onnx.save(without_network(onnx.load(artifact.path)), path)
    return target.open(replace(artifact, path=path))


def _save_openvino(path: Path, part_path: Path) -> None:
    openvino = import_converter("openvino")
    from exporters.graph.picture_input import NETWORK_INPUT

    model: Any = openvino.Core().read_model(path)
    ports = (port for operation in model.get_ordered_ops() for port in operation.outputs())
    network_input = next(port for port in ports if NETWORK_INPUT in port.get_names())
    openvino.save_model(openvino.Model([network_input], model.get_parameters()), part_path, compress_to_fp16=False)


def in_planes(picture: Picture) -> Picture:
    """Return a picture in YUV 4:2:0, a last odd column or row left out, so that both sides are given the same bytes."""
    planes = picture.to_canvas()
    height, width = planes.height_px // 2, planes.width_px // 2
    if not (height and width):
        return picture
    return YuvPicture(
        planes.y[: 2 * height, : 2 * width], planes.u[:height, :width], planes.v[:height, :width], full_range=True
    )
