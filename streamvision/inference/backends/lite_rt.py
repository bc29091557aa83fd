"""TFLite models in LiteRT (ai-edge-litert): the CPU, by XNNPACK."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import lzma
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, ModelError
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.backends.cores import network_threads
from streamvision.inference.backends.importing import import_runtime
from streamvision.inference.model_card import LABELS_KEY
from streamvision.inference.tensors import ModelInputs, TensorSpec, last_line

_METADATA_FILES = ("metadata.json", "temp_meta.txt")
"""Where ultralytics puts its metadata in the zip at the end of the file: now as JSON, before as a Python literal."""
_ZIP_FAULTS = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    SyntaxError,
    TypeError,
    AttributeError,
    RuntimeError,  # a password is asked for, or a kind of compression that there is not
    MemoryError,
)
_METADATA_BYTES = 1 << 20
"""Far above any real metadata."""


class LiteRtBackend(LoadedBackend):
    """A model in LiteRT's interpreter. Quantised inputs and outputs are float32 to the caller.

    Its precision is ``int8`` where weights are quantised, otherwise ``fp32``: XNNPACK widens half-precision weights.
    Its metadata is the entries of the zip appended to the file.
    """

    name = "litert"
    runtime = "LiteRT"

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        requests: int | None = 1,
        dynamic_batch: bool = False,
    ) -> None:
        """Load the model; see :func:`streamvision.inference.backends.registry.open_backend`.

        The interpreter takes one call at a time, whatever ``requests`` says, and the batch is the file's.
        """
        interpreter_class = import_runtime("ai_edge_litert.interpreter").Interpreter
        if device.lower() not in ("auto", "cpu"):
            raise DeviceError(f"LiteRT executes on the cpu only, not on {device!r}: use --device cpu")
        try:
            interpreter = interpreter_class(model_path=str(path), num_threads=network_threads(threads))
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{path} is not a TFLite model or is damaged ({last_line(error)}); export or download it again"
            ) from error
        given = interpreter.get_input_details()
        self._details_in = {_plain_name(d): d for d in given}
        self._details_out = interpreter.get_output_details()
        self._inputs = ModelInputs.of(tuple(replace(_spec(d), name=_plain_name(d)) for d in given), path=path)
        picture = self._inputs.picture
        facts = ModelFacts(
            path=path,
            device="cpu",
            input=replace(picture, name=self._details_in[picture.name]["name"]),
            outputs=tuple(_spec(d) for d in self._details_out),
            metadata=read_appended_metadata(path),
            precision=_precision(interpreter.get_tensor_details()),
        )
        if precision not in ("auto", facts.precision):
            raise DeviceError(
                f"{path} runs in {facts.precision} in LiteRT and not in {precision}; export the model in {precision}, "
                "or use --precision auto"
            )
        self._shapes = {name: tuple(d["shape"].tolist()) for name, d in self._details_in.items()}
        super().__init__(facts, interpreter)

    @classmethod
    def version(cls) -> str:
        """Return LiteRT's version."""
        import_runtime("ai_edge_litert.interpreter")
        return importlib.metadata.version("ai-edge-litert")

    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        feeds = self._inputs.feeds(tensor)
        shapes = {name: given.shape for name, given in feeds.items()}
        if shapes != self._shapes:
            for name, shape in shapes.items():
                engine.resize_tensor_input(self._details_in[name]["index"], shape, strict=True)
            engine.allocate_tensors()
            self._shapes = shapes
        for name, given in feeds.items():
            engine.set_tensor(self._details_in[name]["index"], quantise(given, self._details_in[name]))
        engine.invoke()
        return [dequantise(engine.get_tensor(d["index"]), d) for d in self._details_out]


def quantise(tensor: NDArray[Any], details: Mapping[str, Any]) -> NDArray[Any]:
    """Return ``tensor`` in the integers of a quantised input; a float input's tensor comes back as it is."""
    scale, zero_point = details["quantization"]
    if not _is_quantised(details):
        return tensor
    limits = np.iinfo(details["dtype"])
    integers: NDArray[Any] = np.clip(np.rint(tensor / scale) + zero_point, limits.min, limits.max).astype(
        details["dtype"]
    )
    return integers


def dequantise(tensor: NDArray[Any], details: Mapping[str, Any]) -> NDArray[Any]:
    """Return the real values of a quantised output; a float output comes back as it is."""
    scale, zero_point = details["quantization"]
    if not _is_quantised(details):
        return tensor
    reals: NDArray[Any] = (tensor.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
    return reals


def read_appended_metadata(path: Path) -> dict[str, str]:
    """Return the metadata in the zip that may follow a TFLite model in its file; empty where there is none.

    Raises:
        ModelError: when there is such a zip, but it is damaged.
    """
    if not zipfile.is_zipfile(path):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            present = [name for name in _METADATA_FILES if name in archive.namelist()]
            if not present:
                return _label_file(archive)
            with archive.open(present[0]) as stream:
                text = stream.read(_METADATA_BYTES).decode("utf-8")
        document = json.loads(text) if present[0].endswith(".json") else ast.literal_eval(text)
        return {str(k): v if isinstance(v, str) else json.dumps(v, default=str) for k, v in document.items()}
    except _ZIP_FAULTS as error:
        raise ModelError(f"the metadata in {path} is damaged ({last_line(error)}); export the model again") from error


def _label_file(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the labels that TensorFlow Lite's own metadata carries as a text file, a line each."""
    texts = [name for name in archive.namelist() if name.endswith(".txt") and "label" in name.lower()]
    if len(texts) != 1:
        return {}
    with archive.open(texts[0]) as stream:
        return {LABELS_KEY: stream.read(_METADATA_BYTES).decode("utf-8")}


def _is_quantised(details: Mapping[str, Any]) -> bool:
    return bool(np.issubdtype(details["dtype"], np.integer) and details["quantization"][0] != 0)


def _plain_name(details: Mapping[str, Any]) -> str:
    """Return a tensor's name without what TensorFlow's converter puts around it (``serving_default_images:0``)."""
    return str(details["name"]).removeprefix("serving_default_").removesuffix(":0")


def _spec(details: Mapping[str, Any]) -> TensorSpec:
    signature = details.get("shape_signature", details["shape"])
    shape = tuple(int(n) if n > 0 else None for n in signature)
    if not _is_quantised(details):
        return TensorSpec(details["name"], shape, np.dtype(details["dtype"]).name)
    scale, zero_point = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return TensorSpec(
        details["name"], shape, "float32", ((limits.min - zero_point) * scale, (limits.max - zero_point) * scale)
    )


def _precision(tensors: list[dict[str, Any]]) -> str:
    quantised = any(d["dtype"] is np.int8 and d["quantization_parameters"]["scales"].size for d in tensors)
    return "int8" if quantised else "fp32"
