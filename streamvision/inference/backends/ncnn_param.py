"""The ``.param`` file of an NCNN model: its layers as text, checked before NCNN's own reader sees it.

The format is described at https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure: a magic number, how many
layers and blobs there are, and a line for each layer: its type, its name, how many blobs it reads and makes, their
names, and its parameters as ``KEY=VALUE``. NCNN believes the counts, so that they are compared with what is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.core.errors import ModelError
from streamvision.core.reading import UnreadableError, read_text

MAGIC = "7767517"
_MAX_BYTES = 16 << 20
_MAX_LAYERS = 100_000
_MAX_NAME = 255
"""NCNN's reader takes no longer words."""
_MAX_SIDE_PX, _MAX_CHANNELS = 8192, 4
"""Of an input that is believed; a picture of that size is made to try the network out."""
_PARAMETER = re.compile(r"-?\d{1,6}=[-+0-9.eExXa-fA-F,]{1,4096}")
_INT8_KEYS = {
    "Convolution": "8",
    "ConvolutionDepthWise": "8",
    "InnerProduct": "8",
    "Gemm": "18",
    "MultiHeadAttention": "18",
}
"""By type of a layer, the parameter that says that its weights and inputs are of 8 bits."""


@dataclass(frozen=True)
class ParamLayer:
    """One layer."""

    kind: str
    """What it computes, such as ``Convolution``."""
    name: str
    """Its name."""
    reads: tuple[str, ...]
    """Names of the blobs that it takes."""
    makes: tuple[str, ...]
    """Names of the blobs that it gives."""
    parameters: dict[str, str]
    """By number, as text."""

    def line(self) -> str:
        """Return it as it stands in the file."""
        words = [f"{self.kind:<24}", f"{self.name:<24}", str(len(self.reads)), str(len(self.makes))]
        parameters = (f"{key}={value}" for key, value in self.parameters.items())
        return " ".join([*words, *self.reads, *self.makes, *parameters])


def read_param(path: Path) -> list[ParamLayer]:
    """Return the layers of a ``.param`` file.

    Raises:
        ModelError: when it cannot be read, or is not one.
    """
    try:
        lines = read_text(path, limit=_MAX_BYTES).splitlines()
    except UnreadableError as error:
        raise ModelError(f"{path} {error}; give an NCNN .param file with its .bin beside it") from error
    lines = [line for line in lines if line.strip()]
    if len(lines) < 2 or lines[0].strip() != MAGIC:
        raise ModelError(
            f"{path} does not begin with {MAGIC}, as NCNN's .param files do; export it again, or give another file"
        )
    layers = []
    for number, line in enumerate(lines[2 : 2 + _MAX_LAYERS], start=3):
        if (layer := _layer(line.split())) is None:
            raise ModelError(f"{path} is damaged: line {number} is no layer of NCNN; export the model again")
        layers.append(layer)
    blobs = sum(len(layer.makes) for layer in layers)
    if lines[1].split() != [str(len(lines) - 2), str(blobs)] or not layers:
        raise ModelError(f"{path} is damaged: it has not as many layers and blobs as it says; export the model again")
    known: set[str] = set()
    for layer in layers:
        if missing := [name for name in layer.reads if name not in known]:
            raise ModelError(f"{path} is damaged: {layer.name} reads {missing[0]}, which no layer before it makes")
        known |= set(layer.makes)
    return layers


def write_param(layers: list[ParamLayer], path: Path) -> None:
    """Write layers as a ``.param`` file.

    Raises:
        OSError: when it cannot be written.
    """
    blobs = sum(len(layer.makes) for layer in layers)
    lines = [MAGIC, f"{len(layers)} {blobs}", *(layer.line() for layer in layers)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def input_shapes(layers: list[ParamLayer]) -> dict[str, tuple[int, int, int] | None]:
    """Return by name of each input its channels, height and width; ``None`` where the file does not say it."""
    return {layer.makes[0]: _size(layer.parameters) for layer in layers if layer.kind == "Input" and layer.makes}


def is_int8(layers: list[ParamLayer]) -> bool:
    """Return whether some layers compute in integers of 8 bits."""
    return any(layer.parameters.get(_INT8_KEYS.get(layer.kind, ""), "0") != "0" for layer in layers)


def unknown_kinds(ncnn: Any, layers: list[ParamLayer]) -> list[str]:
    """Return the types of layers that this version of NCNN does not have, by name.

    Args:
        ncnn: its package.
        layers: of a model.
    """
    return sorted(kind for kind in {layer.kind for layer in layers} if ncnn.layer_to_index(kind) < 0)


def _size(parameters: dict[str, str]) -> tuple[int, int, int] | None:
    try:
        width, height, channels = (int(parameters.get(key, "0")) for key in "012")
    except ValueError:
        return None
    sensible = min(width, height, channels) > 0 and max(width, height) <= _MAX_SIDE_PX and channels <= _MAX_CHANNELS
    return (channels, height, width) if sensible else None


def _layer(words: list[str]) -> ParamLayer | None:
    """Return the layer of a line; ``None`` where it is none."""
    if len(words) < 4 or not (words[2].isascii() and words[2].isdigit() and words[3].isascii() and words[3].isdigit()):
        return None
    reads, makes = int(words[2][:6]), int(words[3][:6])
    blobs, parameters = words[4 : 4 + reads + makes], words[4 + reads + makes :]
    if len(blobs) != reads + makes or any(len(word) > _MAX_NAME for word in (*words[:2], *blobs)):
        return None
    if not all(map(_PARAMETER.fullmatch, parameters)):
        return None
    found = dict(word.split("=", 1) for word in parameters)
    return ParamLayer(words[0], words[1], tuple(blobs[:reads]), tuple(blobs[reads:]), found)
