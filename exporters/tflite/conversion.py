"""From a torch module to a TFLite file with built-in operations only, by litert-torch.

Besides the network the file holds named buffers inside, and files in a zip at its end. Both are public conventions:
https://ai.google.dev/edge/litert/models/metadata. Readers of the network alone ignore them.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exporters.converters import converting, import_converter
from streamvision.inference.generator_card import GeneratorCard
from streamvision.inference.model_card import ModelCard


def convert(network: Any, shape: tuple[int, ...], *, dtype: str = "float32") -> bytes:
    """Return the TFLite model in float32 of a module that takes one tensor.

    Args:
        network: a ``torch.nn.Module`` in evaluation mode; it may be changed.
        shape: of its input, such as (1, H, W, 3).
        dtype: of its input.

    Raises:
        ExportError: when the network does something that TFLite has no operation for.
        MissingDependencyError: when litert-torch is not installed.
    """
    litert_torch = import_converter("litert_torch")
    import torch

    sample = torch.zeros(shape, dtype=getattr(torch, dtype))
    litert_torch.config.show_progress = False
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.tflite"
        with converting("this network", "TFLite", instead="export it to ONNX"):
            litert_torch.convert(network, (sample,)).export(str(path))
        return path.read_bytes()


CARD_FILE = "metadata.json"
"""Where :func:`streamvision.inference.backends.lite_rt.read_appended_metadata` looks for the card."""
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def with_files(model: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return the file with a zip of these files at its end; the same input gives the same bytes.

    They are stored as they are, since MediaPipe maps them into memory and refuses compressed ones.
    """
    stream = io.BytesIO(model)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _NO_DATE), content)
    return stream.getvalue()


def card_file(card: ModelCard | GeneratorCard) -> dict[str, bytes]:
    """Return the card as a file for :func:`with_files`."""
    return {CARD_FILE: json.dumps(card.to_metadata(), ensure_ascii=False).encode()}


def with_buffer(model: bytes, name: str, content: bytes) -> bytes:
    """Return the model with a named metadata buffer inside; one of that name is replaced.

    Raises:
        MissingDependencyError: when ai-edge-litert is not installed.
    """
    import numpy as np

    schema = import_converter("ai_edge_litert.schema_py_generated")
    tree = read_tree(model)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(content, np.uint8)
    tree.buffers.append(buffer)
    entry.name, entry.buffer = name, len(tree.buffers) - 1
    tree.metadata = [kept for kept in tree.metadata or [] if _text(kept.name) != name] + [entry]
    return write_tree(tree)


def read_tree(model: bytes) -> Any:
    """Return the model as the schema's objects, a ``ModelT``.

    Raises:
        MissingDependencyError: when ai-edge-litert is not installed.
    """
    schema = import_converter("ai_edge_litert.schema_py_generated")
    return schema.ModelT.InitFromPackedBuf(model, 0)


def write_tree(tree: Any) -> bytes:
    """Return the bytes of a ``ModelT``."""
    builder = import_converter("flatbuffers").Builder(1 << 20)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def operation_names(tree: Any) -> list[str]:
    """Return the kind of each operation of the main graph, such as ``CONV_2D``, in the order of execution."""
    schema = import_converter("ai_edge_litert.schema_py_generated")
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in tree.operatorCodes]
    return [names[codes[operation.opcodeIndex]] for operation in tree.subgraphs[0].operators]


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
