"""An ONNX model in Triton's Python backend, for servers without the backend for ONNX Runtime.

It was written by ``streamvision model-repository`` and needs numpy and onnxruntime in the server's Python.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """What Triton looks for in this file."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the model that lies beside this file."""
        config = json.loads(args["model_config"])
        self._batched = config["max_batch_size"] > 0
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(str(path), providers=onnxruntime.get_available_providers())
        self._inputs = [port.name for port in self._session.get_inputs()]
        self._outputs = [port.name for port in self._session.get_outputs()]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests that the server has gathered, in one call where they are of one size."""
        feeds = [self._feeds(request) for request in requests]
        shapes = {tuple(tensor.shape[1:] for tensor in one.values()) for one in feeds}
        if not self._batched or len(shapes) > 1:
            return [self._response(self._session.run(None, one)) for one in feeds]
        joined = {name: np.concatenate([one[name] for one in feeds]) for name in self._inputs}
        outputs = self._session.run(None, joined)
        ends = np.cumsum([len(one[self._inputs[0]]) for one in feeds])
        begins = [0, *ends[:-1]]
        return [
            self._response([output[begin:end] for output in outputs]) for begin, end in zip(begins, ends, strict=True)
        ]

    def _feeds(self, request: Any) -> dict[str, Any]:
        return {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}

    def _response(self, outputs: list[Any]) -> Any:
        tensors = [pb_utils.Tensor(name, one) for name, one in zip(self._outputs, outputs, strict=True)]
        return pb_utils.InferenceResponse(output_tensors=tensors)
