"""An ONNX model into NCNN's ``.param`` and ``.bin`` by pnnx (https://github.com/pnnx/pnnx), in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamvision.core.errors import ExportError, MissingDependencyError, ModelError
from streamvision.core.install import install_command
from streamvision.inference.backends.importing import import_runtime
from streamvision.inference.backends.ncnn_param import ParamLayer, read_param, unknown_kinds, write_param
from streamvision.inference.model_card import InputCard

TIMEOUT_S = 1800.0
"""For networks of a few hundred megabytes on a small machine; YOLOv8n takes a second."""
_FAILED = "NCNN cannot be made of {network} ({why}); export it to onnx or openvino"


def to_ncnn(model: Any, card: InputCard, param: Path, *, half: bool, network: object) -> None:
    """Write ``model.ncnn.param`` and the ``.bin`` beside it; inputs and outputs keep their names.

    Args:
        model: an ``onnx.ModelProto`` of one input of a fixed size.
        card: of that input.
        param: where to; other files of the converter lie in the same folder until it is done.
        half: whether weights are stored in float16.
        network: what is converted, in a word.

    Raises:
        ExportError: when the network cannot be converted, saying why.
        MissingDependencyError: when pnnx or NCNN is not installed.
    """
    import onnx

    converter = find_converter()
    scratch = param.parent / "converting"
    scratch.mkdir()
    onnx.save(model, scratch / "network.onnx")
    shape = ",".join(map(str, (1, 3, card.height_px, card.width_px)))
    files = {name: f"network.{name}" for name in ("pnnxparam", "pnnxbin", "pnnxpy", "pnnxonnx", "ncnnpy")}
    files |= {"ncnnparam": "made.param", "ncnnbin": "made.bin"}
    command = [str(converter), "network.onnx", f"inputshape=[{shape}]f32", f"fp16={int(half)}"]
    try:
        done = subprocess.run(
            [*command, *(f"{name}={file}" for name, file in files.items())],
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise ExportError(_FAILED.format(network=network, why=f"pnnx took longer than {TIMEOUT_S:.0f} s")) from expired
    made, weights = scratch / files["ncnnparam"], scratch / files["ncnnbin"]
    if done.returncode != 0 or not made.is_file() or not weights.is_file():
        said = done.stdout.decode(errors="replace").splitlines()
        last = next((line.strip() for line in reversed(said) if line.strip()), f"code {done.returncode}")
        raise ExportError(_FAILED.format(network=network, why=f"pnnx ended with {done.returncode}: {last[:200]}"))
    layers = _known_layers(made, network)
    names = {blob: name for blob, name in _own_names(model).items() if blob != name}
    write_param([_sized(_renamed(layer, names), card) for layer in layers], param)
    weights.replace(param.with_suffix(".bin"))
    for file in scratch.iterdir():
        file.unlink()
    scratch.rmdir()


def find_converter() -> Path:
    """Return pnnx's program; its Python package is not imported, since that imports torch.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    spec = find_spec("pnnx")
    program = "pnnx.exe" if sys.platform == "win32" else "pnnx"
    if spec is None or spec.origin is None or not (found := Path(spec.origin).with_name(program)).is_file():
        raise MissingDependencyError(f"this export needs pnnx: {install_command('export')}")
    return found


def _known_layers(made: Path, network: object) -> list[ParamLayer]:
    try:
        layers = read_param(made)
    except ModelError as error:
        raise ExportError(_FAILED.format(network=network, why="pnnx wrote no file that NCNN reads")) from error
    if unknown := unknown_kinds(import_runtime("ncnn"), layers):
        raise ExportError(_FAILED.format(network=network, why=f"it has no layer for {', '.join(unknown)}"))
    return layers


def _own_names(model: Any) -> dict[str, str]:
    """Return what the inputs and outputs are called in the ONNX file, by what pnnx calls them."""
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [port.name for port in model.graph.input if port.name not in stored]
    names = {f"in{index}": name for index, name in enumerate(inputs)}
    return names | {f"out{index}": port.name for index, port in enumerate(model.graph.output)}


def _renamed(layer: ParamLayer, names: Mapping[str, str]) -> ParamLayer:
    return replace(
        layer,
        reads=tuple(names.get(blob, blob) for blob in layer.reads),
        makes=tuple(names.get(blob, blob) for blob in layer.makes),
    )


def _sized(layer: ParamLayer, card: InputCard) -> ParamLayer:
    """Return the input's layer with its size, which pnnx leaves out and whoever opens the file needs."""
    if layer.kind != "Input":
        return layer
    size = {"0": card.width_px, "1": card.height_px, "2": 3}
    return replace(layer, parameters={key: str(value) for key, value in size.items()})
