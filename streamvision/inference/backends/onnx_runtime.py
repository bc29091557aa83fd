"""ONNX models in ONNX Runtime: on the CPU, on CUDA, on TensorRT.

ONNX Runtime places every node on the first provider that accepts it and leaves the rest, in the worst case the whole
model, to the CPU, without an error (microsoft/onnxruntime#23372). Its profile of one run says which provider executed
which node, with the types of the node's inputs; so the model is run once with it.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, ModelError
from streamvision.core.files import cache_folder
from streamvision.core.install import with_extra
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.backends.cores import share_cores
from streamvision.inference.backends.onnx_import import import_onnxruntime
from streamvision.inference.backends.onnx_refusal import cause, refusal
from streamvision.inference.model_card import ALPHABET_KEY
from streamvision.inference.tensors import ModelInputs, TensorSpec

_PRODUCTS = ("Conv", "MatMul", "Gemm", "Attention")
"""Operators whose name holds one of these do nearly all of a network's arithmetic."""

_PRECISIONS = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8", "uint8": "int8"}


@dataclass(frozen=True)
class ExecutedNode:
    """One node of a profiled run."""

    op: str
    """Operator, after ONNX Runtime's fusions."""
    provider: str
    """Execution provider, such as ``CPUExecutionProvider``."""
    dtype: str
    """Type of its first input, in ONNX Runtime's spelling; empty where the node has none."""


@dataclass(frozen=True)
class Placement:
    """All nodes that one run executed."""

    nodes: tuple[ExecutedNode, ...]

    @property
    def _working(self) -> tuple[ExecutedNode, ...]:
        """The nodes that count: products and subgraphs that a provider swallowed whole; all, if there are none."""
        heavy = tuple(n for n in self.nodes if any(word in n.op for word in _PRODUCTS) or n.op.startswith("TRTKernel"))
        return heavy or self.nodes

    def share(self, provider: str) -> float:
        """Return the share of the model's working nodes, 0..1, that ``provider`` executed."""
        working = self._working
        return sum(n.provider == provider for n in working) / len(working) if working else 0.0

    def elsewhere(self, provider: str) -> str:
        """Return, in words, which providers executed the rest."""
        others = Counter(n.provider for n in self._working if n.provider != provider)
        return ", ".join(f"{count} of {len(self._working)} on {name}" for name, count in others.most_common())

    def precision(self) -> str | None:
        """Return the arithmetic of most working nodes, or ``None`` where the profile does not say."""
        seen = Counter(_PRECISIONS[n.dtype] for n in self._working if n.dtype in _PRECISIONS)
        return seen.most_common(1)[0][0] if seen else None


def read_placement(profile: Path) -> Placement:
    """Read the profile file that ``InferenceSession.end_profiling`` wrote."""
    events: list[dict[str, Any]] = json.loads(profile.read_text(encoding="utf-8"))
    nodes = []
    for event in events:
        details = event.get("args", {})
        if event.get("cat") != "Node" or "provider" not in details:
            continue
        inputs = details.get("input_type_shape") or [{}]
        nodes.append(ExecutedNode(details.get("op_name", ""), details["provider"], next(iter(inputs[0]), "")))
    return Placement(tuple(nodes))


logger = logging.getLogger(__name__)

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_DEVICE = re.compile(r"(cpu|cuda|tensorrt)(?::(\d+))?")
_DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(bfloat16)": "bfloat16"}
_MIN_SHARE = 0.5
"""An asked-for accelerator must execute at least this share of the model."""
_DEVICE_REQUESTS = 2
"""One call on the device while the pictures of the next are prepared."""
_TEXT_LINE_PX = 48
_DYNAMIC_SIDE_PX = 640


class OnnxRuntimeBackend(LoadedBackend):
    """A model in ONNX Runtime.

    Its precision is what really runs: half-precision files run in fp32 on a CPU. Its metadata is the model's
    ``metadata_props``.
    """

    name = "onnxruntime"
    runtime = "ONNX Runtime"
    failures = (Exception,)  # the runtime's classes derive from nothing narrower

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
        """Load the model, run it once and check where and how it executed; see
        :func:`streamvision.inference.backends.registry.open_backend`, but ``dynamic_batch`` has no effect.
        """
        ort = import_onnxruntime()
        candidates = _candidates(device, ort.get_available_providers())
        share = share_cores(requests=requests, threads=threads)
        for kind, index in candidates:
            try:
                facts, inputs, session = self._load(ort, path, kind, index, precision=precision, threads=share.threads)
                self._inputs = inputs if inputs.companions or not inputs.batched else None
                at_a_time = share.requests if kind == "cpu" else requests or _DEVICE_REQUESTS
                super().__init__(replace(facts, requests=at_a_time), session)
                break
            except UnicodeDecodeError as error:
                raise ModelError(
                    f"{path} holds names or metadata that are not text in UTF-8; export or download it again"
                ) from error
            except DeviceError as error:
                if (kind, index) == candidates[-1]:
                    raise
                logger.warning("%s; taking the CPU instead, since the device was left open", error)

    @classmethod
    def _load(
        cls, ort: Any, path: Path, kind: str, index: int, *, precision: Precision, threads: int
    ) -> tuple[ModelFacts, ModelInputs, Any]:
        with _scratch_folder() as scratch:
            session = _open_session(ort, path, kind, index, precision, threads, Path(scratch) / "profile")
            inputs = ModelInputs.of(tuple(_spec(port) for port in session.get_inputs()), path=path)
            probe = _probe_tensor(inputs.picture, session.get_modelmeta().custom_metadata_map)
            with cls._failing_on(path):
                session.run(None, inputs.feeds(probe))
            placement = read_placement(Path(session.end_profiling()))
        provider = PROVIDERS[kind]
        if kind != "cpu" and placement.share(provider) < _MIN_SHARE:
            raise DeviceError(
                f"{path} would not run on {kind}:{index} (layers: {placement.elsewhere(provider)}); "
                "use --device cpu, or export the model with operators that this device has"
            )
        facts = ModelFacts(
            path=path,
            device="cpu" if kind == "cpu" else f"{kind}:{index}",
            precision=_real_precision(placement, kind, precision),
            input=inputs.picture,
            outputs=tuple(_spec(port) for port in session.get_outputs()),
            metadata=dict(session.get_modelmeta().custom_metadata_map),
            inputs=inputs.own,
        )
        if precision not in ("auto", facts.precision):
            raise DeviceError(
                f"{path} runs in {facts.precision} on {facts.device}, and ONNX Runtime cannot make it "
                f"{precision} while loading; export the model in {precision} for a device that computes in it, "
                "or use --precision auto"
            )
        return facts, inputs, session

    @classmethod
    def version(cls) -> str:
        """Return ONNX Runtime's version."""
        return str(import_onnxruntime().__version__)

    @classmethod
    def devices(cls) -> list[tuple[str, str]]:
        """Return all devices that ONNX Runtime may have."""
        return [(device, "") for device in PROVIDERS]

    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        feeds = {self.input.name: tensor} if self._inputs is None else self._inputs.feeds(tensor)
        outputs: list[NDArray[Any]] = engine.run(None, feeds)
        return outputs

    @staticmethod
    def _cause(error: Exception) -> str:
        return cause(error)


def _candidates(device: str, available: list[str]) -> list[tuple[str, int]]:
    """Return kind and index of the devices to try, in order."""
    if device == "auto":
        return [("cuda", 0), ("cpu", 0)] if PROVIDERS["cuda"] in available else [("cpu", 0)]
    match = _DEVICE.fullmatch(device.lower())
    if match is None:
        raise DeviceError(
            f"ONNX Runtime has no device {device!r}: use auto, cpu, cuda[:N] or tensorrt[:N], "
            "or --backend openvino for OpenVINO's devices"
        )
    kind = match[1]
    if PROVIDERS[kind] not in available:
        here = ", ".join(name for name, provider in PROVIDERS.items() if provider in available)
        raise DeviceError(
            f"device {device!r} was asked for, but this ONNX Runtime only has {here}: use --device cpu, or install "
            f"the build for CUDA: run pip uninstall -y onnxruntime, then pip install {with_extra('cuda')}"
        )
    return [(kind, int(match[2] or 0))]


def _open_session(
    ort: Any, path: Path, kind: str, index: int, precision: Precision, threads: int, profile: Path
) -> Any:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads that spin win 10 % of a run's time and take the cores that capture and encoding live on.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Why a GPU provider did not start stands in the log only; what goes wrong on the CPU is in the exception too.
    options.log_severity_level = 4 if kind == "cpu" else 3
    options.enable_profiling = True
    options.profile_file_prefix = str(profile)
    if kind != "cpu" and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    try:
        session = ort.InferenceSession(str(path), options, providers=_providers(kind, index, precision))
    except Exception as error:  # the runtime's classes derive from nothing narrower
        if kind == "cpu":
            raise ModelError(refusal(path, error)) from error
        raise DeviceError(f"{kind}:{index} cannot load {path}: {cause(error)}") from error
    session.disable_fallback()
    if session.get_providers()[0] != PROVIDERS[kind]:
        raise DeviceError(
            f"{kind}:{index} was asked for, but ONNX Runtime could not start {PROVIDERS[kind]} and took "
            f"{session.get_providers()[0]}; check driver, CUDA and cuDNN with 'streamvision doctor'"
        )
    return session


def _scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for the profile of the first run.

    Raises:
        ModelError: when no folder for temporary files can be written to.
    """
    try:
        return tempfile.TemporaryDirectory(prefix="streamvision-")
    except OSError as error:
        raise ModelError(
            f"loading a model writes a small file into the folder for temporary files, and none can be written to "
            f"({error.strerror}); set TMPDIR to one that can"
        ) from error


def _providers(kind: str, index: int, precision: Precision) -> list[Any]:
    """Return the asked-for provider with its options, and behind it those that may take single nodes."""
    cuda = (PROVIDERS["cuda"], {"device_id": index, "use_tf32": int(precision != "fp32")})
    if kind == "cpu":
        return [PROVIDERS["cpu"]]
    if kind == "cuda":
        return [cuda, PROVIDERS["cpu"]]
    # Building an engine takes minutes; the next start finds it here.
    engines = cache_folder("tensorrt")
    engines.mkdir(parents=True, exist_ok=True)
    tensorrt = {
        "device_id": index,
        "trt_fp16_enable": precision == "fp16",
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(engines),
    }
    return [(PROVIDERS["tensorrt"], tensorrt), cuda, PROVIDERS["cpu"]]


def _probe_tensor(spec: TensorSpec, metadata: Mapping[str, str]) -> NDArray[Any]:
    """Return zeros of the input's shape; a dynamic batch is 1, a dynamic side the one that was exported, or 640.

    Networks that read lines of text, told by their alphabet, take one height only, though they say that any will do.
    """
    side_px = _TEXT_LINE_PX if ALPHABET_KEY in metadata else _DYNAMIC_SIDE_PX
    if said := re.fullmatch(r"\[?(\d{2,4})(?:, *(\d{2,4})\])?", metadata.get("imgsz", "")):
        height, width = int(said[1]), int(said[2] or said[1])
    else:
        height, width = side_px, side_px
    free = (3, height, width) if spec.layout == "nchw" else (height, width, 3)
    sides = [usual if n is None else n for n, usual in zip(spec.shape[1:], free, strict=True)]
    return np.zeros([spec.shape[0] or 1, *sides], spec.dtype)


def _real_precision(placement: Placement, kind: str, asked: Precision) -> str:
    # TensorRT swallows whole subgraphs; what it computes in is what it was built with.
    if kind == "tensorrt" and asked == "fp16":
        return "fp16"
    return placement.precision() or "fp32"


def _spec(port: Any) -> TensorSpec:
    shape = tuple(n if isinstance(n, int) and n > 0 else None for n in port.shape)
    dtype = _DTYPES.get(port.type) or str(port.type).removeprefix("tensor(").removesuffix(")")
    return TensorSpec(port.name, shape, dtype)
