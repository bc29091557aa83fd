"""What a server says of a model, read with care: tensors, the model card among its parameters, and how it batches."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from streamvision.core.config.wording import fault_in_words
from streamvision.core.errors import ModelError
from streamvision.core.model_location import ModelAddress
from streamvision.core.redaction import short
from streamvision.inference.tensors import TensorSpec, shape_text

DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
"""Types of tensors by the protocol's names for them."""
DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()}
ULTRALYTICS_KEY = "metadata"
"""Parameter under which ultralytics' Triton client looks for the metadata of its exports, all in one literal."""
MAX_TENSOR_BYTES = 1 << 30
"""Far above any tensor of one picture."""
_METADATA_CHARACTERS = 1 << 20
"""Far above any real metadata."""
_SINGLE_REQUESTS, _JOINED_REQUESTS = 4, 8


class _Tensor(BaseModel):
    name: str = Field(max_length=1024)
    datatype: str = Field(max_length=32)
    shape: list[int] = Field(max_length=16)


class _Metadata(BaseModel):
    platform: str = Field("", max_length=256)
    inputs: list[_Tensor] = Field(min_length=1, max_length=16)
    outputs: list[_Tensor] = Field(min_length=1, max_length=256)
    parameters: dict[str, Any] | None = None


class _Config(BaseModel):
    max_batch_size: int = Field(0, ge=0)
    dynamic_batching: dict[str, Any] | None = None
    parameters: dict[str, Any] = Field(default_factory=dict, max_length=1024)


@dataclass(frozen=True)
class ServedModel:
    """A model as its server describes it."""

    platform: str
    """What executes it there, such as ``onnxruntime_onnx``; ``served`` where the server does not say it."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str]
    """Its parameters, the model card among them where whoever serves it has put it there."""
    max_batch: int | None
    """Most pictures of one call; ``None`` where the server does not say it."""
    joins_calls: bool
    """Whether the server makes one batch of calls that come at the same time."""

    @property
    def usual_requests(self) -> int:
        """How many calls are worth having under way: more where the server joins them to batches."""
        return _JOINED_REQUESTS if self.joins_calls else _SINGLE_REQUESTS


def described(address: ModelAddress, metadata: object, config: object | None) -> ServedModel:
    """Return what a server's answers say of a model.

    Args:
        address: of the model, for messages.
        metadata: the answer on its metadata.
        config: the answer on its configuration, which is Triton's own extension; ``None`` where there is none.

    Raises:
        ModelError: when they are not what the protocol says, or it has a tensor of a type that is not known here.
    """
    try:
        told = _Metadata.model_validate(metadata)
        configured = _Config.model_validate(config or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"{address}: what the server says of the model is not what the Open Inference Protocol has "
            f"({short(where)}: {short(fault_in_words(first))}); is this its port?"
        ) from error
    batch = configured.max_batch_size
    return ServedModel(
        platform=told.platform or "served",
        inputs=tuple(_spec(address, tensor) for tensor in told.inputs),
        outputs=tuple(_spec(address, tensor) for tensor in told.outputs),
        metadata=_texts(told.parameters or {}) | _texts(configured.parameters),
        max_batch=batch or None,
        joins_calls=batch > 1 and configured.dynamic_batching is not None,
    )


def _spec(address: ModelAddress, tensor: _Tensor) -> TensorSpec:
    if tensor.datatype not in DTYPES:
        raise ModelError(
            f"{address} has the tensor {short(tensor.name)!r} of the type {short(tensor.datatype)}; here they are of "
            f"{', '.join(DTYPES)}"
        )
    spec = TensorSpec(tensor.name, tuple(n if n > 0 else None for n in tensor.shape), DTYPES[tensor.datatype])
    if prod(n or 1 for n in spec.shape) * np.dtype(spec.dtype).itemsize > MAX_TENSOR_BYTES:
        raise ModelError(
            f"{address} has the tensor {short(tensor.name)!r} of {short(shape_text(spec.shape))} {spec.dtype}, and "
            f"here one has {MAX_TENSOR_BYTES} bytes at most; is this a model?"
        )
    return spec


def _texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as texts by name: Triton's stand in a mapping each, others' are plain values."""
    found: dict[str, str] = {}
    for key, value in parameters.items():
        plain = value.get("string_value") if isinstance(value, dict) and "string_value" in value else value
        if isinstance(plain, str):
            found[key] = plain
    return {**_ultralytics(found.pop(ULTRALYTICS_KEY, "")), **found}


def _ultralytics(text: str) -> dict[str, str]:
    """Return the metadata that ultralytics' client reads from one parameter; empty where it is something else."""
    if not text or len(text) > _METADATA_CHARACTERS:
        return {}
    try:
        document = json.loads(text) if text.lstrip().startswith('{"') else ast.literal_eval(text)
        return {
            str(key): one if isinstance(one, str) else json.dumps(one, default=str) for key, one in document.items()
        }
    except (ValueError, SyntaxError, TypeError, AttributeError, RecursionError, MemoryError):
        return {}
