"""An ONNX model as a runtime of MLServer.

It was written by ``streamvision model-repository`` and needs numpy and onnxruntime beside MLServer.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, Parameters


class OnnxModel(MLModel):  # type: ignore[misc]
    """What ``model-settings.json`` names."""

    async def load(self) -> bool:
        """Load the model that lies beside this file."""
        path = Path(__file__).with_name("model.onnx")
        providers = onnxruntime.get_available_providers()
        self._session = onnxruntime.InferenceSession(str(path), providers=providers)
        self._outputs = [port.name for port in self._session.get_outputs()]
        return True

    async def metadata(self) -> MetadataModelResponse:
        """Say what there is to know of the model, its card included."""
        told = await super().metadata()
        extra: dict[str, Any] = (self.settings.parameters and self.settings.parameters.extra) or {}
        told.parameters = Parameters(**extra)
        return told

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a request."""
        feeds = {one.name: NumpyCodec.decode_input(one) for one in payload.inputs}
        outputs = await asyncio.get_running_loop().run_in_executor(None, self._session.run, None, feeds)
        encoded = [NumpyCodec.encode_output(name, one) for name, one in zip(self._outputs, outputs, strict=True)]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=encoded)
