"""ONNX models in ONNX Runtime: on the CPU, on CUDA, on TensorRT.

ONNX Runtime leaves to the CPU, without an error, what an accelerator does not take; so the model is run once with a
profile, which says what was executed where (:mod:`streamvision.inference.backends.onnx_placement`).

Inputs and outputs are NumPy arrays in the host's memory, and the runtime copies them to the GPU and back within the
call, where it lets go of Python's lock. Its IOBinding copies while binding, and ``OrtValue.update_inplace`` likewise:
both hold the lock meanwhile, which would stop all other streams. Measured on a CPU: ``benchmarks/bound_inputs.py``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, ModelError
from streamvision.core.install import with_extra
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.backends.cores import share_cores
from streamvision.inference.backends.onnx_import import import_onnxruntime
from streamvision.inference.backends.onnx_placement import read_placement
from streamvision.inference.backends.onnx_refusal import cause, refusal
from streamvision.inference.backends.tensorrt_provider import EnginePlan, engine_folder, forget_engines, plan_engines
from streamvision.inference.model_card import ALPHABET_KEY
from streamvision.inference.tensors import ModelInputs, TensorSpec

logger = logging.getLogger(__name__)

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_DEVICE = re.compile(r"(cpu|cuda|tensorrt)(?::(\d+))?")
_DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(bfloat16)": "bfloat16"}
_NO_LIBRARIES = "Please install TensorRT libraries"
"""What ONNX Runtime says where the provider's own library, or one that it needs, cannot be loaded."""
_MIN_SHARE = 0.5
"""An asked-for accelerator must execute at least this share of the model."""
_DEVICE_REQUESTS = 2
"""One call on the device while the pictures of the next are prepared."""
_TEXT_LINE_PX = 48
_DYNAMIC_SIDE_PX = 640
_PLANES_SIDE_PX = 960
"""Rows of the planes of an I420 picture of 640 x 640."""


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
        self.engine_folder: Path | None = None
        """Where TensorRT's engines of this model lie; ``None`` on other devices."""
        candidates = _candidates(device, ort.get_available_providers())
        share = share_cores(requests=requests, threads=threads)
        for kind, index in candidates:
            try:
                plan = _engine_plan(ort, path, precision) if kind == "tensorrt" else None
                with _engines(plan):
                    facts, inputs, session = self._load_once_more(
                        ort, path, kind, index, plan, precision=precision, threads=share.threads
                    )
                self._plan = plan
                if plan is not None:
                    self.engine_folder, self.max_batch = plan.folder, plan.max_batch
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
    def _load_once_more(
        cls, ort: Any, path: Path, kind: str, index: int, plan: EnginePlan | None, *, precision: Precision, threads: int
    ) -> tuple[ModelFacts, ModelInputs, Any]:
        """Load the model, and where kept engines cannot be used any more, once more without them."""
        kept = plan is not None and plan.built()
        try:
            return cls._load(ort, path, kind, index, plan, precision=precision, threads=threads)
        except (DeviceError, ModelError) as error:
            if plan is None or not kept:
                raise
            logger.warning("%s; building its engines anew, since another TensorRT or GPU may have built these", error)
            forget_engines(plan)
            return cls._load(ort, path, kind, index, plan, precision=precision, threads=threads)

    @classmethod
    def _load(
        cls, ort: Any, path: Path, kind: str, index: int, plan: EnginePlan | None, *, precision: Precision, threads: int
    ) -> tuple[ModelFacts, ModelInputs, Any]:
        with _scratch_folder() as scratch:
            providers = _providers(kind, index, precision, plan)
            session = _open_session(ort, path, kind, index, providers, threads, Path(scratch) / "profile")
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
            # TensorRT swallows whole subgraphs; what it computes in is what it was built with.
            precision=placement.precision() or "fp32" if plan is None else plan.precision,
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

    def _check_size(self, shape: tuple[int, ...]) -> None:
        if self._plan is not None:
            self._plan.check(shape, self._facts.path)

    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        feeds = {self.input.name: tensor} if self._inputs is None else self._inputs.feeds(tensor)
        outputs: list[NDArray[Any]] = engine.run(None, feeds)
        return outputs

    def _execute_beside(
        self, engine: Any, tensor: NDArray[Any], companions: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[Any]]:
        outputs: list[NDArray[Any]] = engine.run(None, {self.input.name: tensor, **companions})
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
        if kind == "tensorrt" and PROVIDERS["cuda"] in available:
            raise DeviceError(
                f"device {device!r} was asked for, but this ONNX Runtime was built without TensorRT ({here}): use "
                "--device cuda, or install a build that has it (docs/tensorrt.md)"
            )
        raise DeviceError(
            f"device {device!r} was asked for, but this ONNX Runtime only has {here}: use --device cpu, or install "
            f"the build for CUDA: run pip uninstall -y onnxruntime, then pip install {with_extra('cuda')}"
        )
    return [(kind, int(match[2] or 0))]


def _open_session(
    ort: Any, path: Path, kind: str, index: int, providers: list[Any], threads: int, profile: Path
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
    if kind != "cpu":
        _load_libraries(ort, tensorrt=kind == "tensorrt")
    try:
        # Its fallback would print to standard output, where a JSON document may be, and take the CPU.
        session = ort.InferenceSession(str(path), options, providers=providers, enable_fallback=0)
    except Exception as error:  # the runtime's classes derive from nothing narrower
        if kind == "cpu":
            raise ModelError(refusal(path, error)) from error
        if _NO_LIBRARIES in str(error):
            raise _not_started(kind, index) from error
        raise DeviceError(f"{kind}:{index} cannot load {path}: {cause(error)}") from error
    if session.get_providers()[0] != PROVIDERS[kind]:
        raise _not_started(kind, index)
    return session


def _not_started(kind: str, index: int) -> DeviceError:
    libraries = "CUDA, cuDNN and TensorRT 10" if kind == "tensorrt" else "CUDA and cuDNN"
    return DeviceError(
        f"{kind}:{index} was asked for, but ONNX Runtime could not start {PROVIDERS[kind]}; check the driver, "
        f"{libraries} with 'streamvision doctor'"
    )


def _load_libraries(ort: Any, *, tensorrt: bool) -> None:
    """Load NVIDIA's libraries from where pip puts them; those of the system are found without."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()
        if tensorrt:
            with contextlib.suppress(ImportError, OSError):
                importlib.import_module("tensorrt_libs")
    for line in said.getvalue().splitlines():
        logger.info("ONNX Runtime: %s", line)


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


def _providers(kind: str, index: int, precision: Precision, plan: EnginePlan | None) -> list[Any]:
    """Return the asked-for provider with its options, and behind it those that may take single nodes."""
    if kind == "cpu":
        return [PROVIDERS["cpu"]]
    cuda = {
        "device_id": str(index),
        "use_tf32": str(int(precision != "fp32")),
        # Trying every kernel out is the default, and would stop a stream whenever a batch has another size.
        "cudnn_conv_algo_search": "HEURISTIC",
        # By default memory is taken in steps that double, from what decoders need too.
        "arena_extend_strategy": "kSameAsRequested",
    }
    behind = [(PROVIDERS["cuda"], cuda), PROVIDERS["cpu"]]
    return behind if plan is None else [(PROVIDERS["tensorrt"], plan.provider_options(index)), *behind]


def _engine_plan(ort: Any, path: Path, precision: Precision) -> EnginePlan:
    """Return how TensorRT builds a file's engines; its inputs are asked of the CPU, without optimising anything."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(str(path), options, providers=[PROVIDERS["cpu"]])
    except Exception as error:  # the runtime's classes derive from nothing narrower
        raise ModelError(refusal(path, error)) from error
    inputs = ModelInputs.of(tuple(_spec(port) for port in session.get_inputs()), path=path)
    usual_side_px = _usual_side_px(session.get_modelmeta().custom_metadata_map)
    return plan_engines(path, inputs, precision=precision, version=ort.__version__, usual_side_px=usual_side_px)


def _engines(plan: EnginePlan | None) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if plan is None else engine_folder(plan)


def _probe_tensor(spec: TensorSpec, metadata: Mapping[str, str]) -> NDArray[Any]:
    """Return zeros of the input's shape; a dynamic batch is 1, a dynamic side the usual one."""
    height, width = _usual_side_px(metadata)
    if spec.dtype == "uint8" and spec.shape[-1] == 1 and spec.shape[1] is None:
        height = _PLANES_SIDE_PX
    free = (3, height, width) if spec.layout == "nchw" else (height, width, 3)
    sides = [usual if n is None else n for n, usual in zip(spec.shape[1:], free, strict=True)]
    return np.zeros([spec.shape[0] or 1, *sides], spec.dtype)


def _usual_side_px(metadata: Mapping[str, str]) -> tuple[int, int]:
    """Return height and width where they are free: what was exported, or 640.

    Networks that read lines of text, told by their alphabet, take one height only, though they say that any will do.
    """
    if said := re.fullmatch(r"\[?(\d{2,4})(?:, *(\d{2,4})\])?", metadata.get("imgsz", "")):
        return int(said[1]), int(said[2] or said[1])
    side_px = _TEXT_LINE_PX if ALPHABET_KEY in metadata else _DYNAMIC_SIDE_PX
    return side_px, side_px


def _spec(port: Any) -> TensorSpec:
    shape = tuple(n if isinstance(n, int) and n > 0 else None for n in port.shape)
    dtype = _DTYPES.get(port.type) or str(port.type).removeprefix("tensor(").removesuffix(")")
    return TensorSpec(port.name, shape, dtype)
