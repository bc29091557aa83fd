"""Which model a run uses, where it executes and what counts as found."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from streamvision.core.config.classical import MAX_STEPS, StepConfig
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import MAX_THREADS, ClassName, Section, listed_in
from streamvision.core.model_location import ModelSetting, is_without_network

Precision = Literal["auto", "fp32", "fp16", "bf16", "int8"]
Tune = Literal["auto", "latency", "throughput", "kept", "off"]
MAX_DETECTIONS = 5000
"""As many boxes as are compared with each other where duplicates are told; memory and time grow with them."""
CALLS_KEYS = ("threads", "requests", "tune")
"""Keys that say how many calls run at a time; they change no result."""
CHOICE_KEYS = (
    "path",
    "backend",
    "device",
    "precision",
    "threads",
    "requests",
    "side_px",
    "head",
    "names",
    "input",
)
"""Keys that say which model it is, how it is fed and where it executes; the others say what counts as found."""
_NETWORK_KEYS = ("backend", "device", "precision", "head", "names", "input")
"""Keys that mean nothing where there is no network."""


class ModelConfig(Section):
    """Which model, where it executes and what counts as found."""

    renamed_keys: ClassVar[dict[str, str]] = {"steady_s": "smoothing_s"}

    path: ModelSetting = Field(
        description="Model file: .onnx, .xml (OpenVINO), .tflite or .param (NCNN); or a shipped model: "
        "road_signs, which run and the like use where none is given; or one on a server: kserve://HOST[:PORT]/NAME; or "
        "none: no network, but `steps` of OpenCV."
    )
    steps: tuple[StepConfig, ...] = Field(
        (),
        max_length=MAX_STEPS,
        description="For `path: none`: steps of OpenCV that find objects, such as [mog2, contours]; default: mog2. "
        "Where `contours` is not among them, open, close and contours follow.",
    )
    backend: str = Field(
        "auto",
        description="Runtime that executes it; auto: by the file's ending, or by the address.",
        json_schema_extra=listed_in("streamvision.inference.backends.registry:BACKENDS"),
    )
    device: str = Field("auto", description="auto, cpu, cuda[:N], tensorrt[:N], or an OpenVINO device such as gpu.")
    precision: Precision = Field(
        "auto",
        description="Arithmetic; auto: the file's own on a CPU, the device's default elsewhere; bf16 is twice as fast, "
        "and less exact, on CPUs that have it (by OpenVINO).",
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=MAX_THREADS,
        description="CPU threads of each call into the network; default: `tune` measures it in runs and services, "
        "elsewhere it follows from the number of cores.",
    )
    requests: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Calls into the network at the same time; default: `tune` measures it in runs and services, "
        "elsewhere it follows from the number of cores.",
    )
    tune: Tune = Field(
        "auto",
        description="How requests and threads that are not given are chosen on a CPU, by measuring for about a second "
        "where the model is opened the first time. latency: the shortest call, where 30 pictures a second come "
        "through; throughput: the most pictures a second; auto: latency for a run of one live source, throughput for "
        "other runs and services, off elsewhere; kept: what was measured before; off: by a rule.",
    )
    side_px: int | None = Field(
        None,
        ge=32,
        le=8192,
        description="Longer side of the input in pixels, for models that take any size; default: the file's own; 640 "
        "without a network.",
    )
    call_timeout_s: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="Longest time for one call of the network, unless five times the slowest before is longer; then it "
        "is closed and opened again.",
    )
    load_timeout_s: float = Field(
        600.0, gt=0, le=86400, description="Longest time for opening it, compiling and trying it out included."
    )
    score: float = Field(0.25, ge=0, le=1, description="Lowest score of a reported object.")
    class_scores: dict[str, float] = Field(default_factory=dict, description="Lowest score by class name.")
    iou: float = Field(0.6, gt=0, le=1, description="Overlap above which the weaker of two boxes is a duplicate.")
    agnostic_nms: bool = Field(False, description="Let boxes of different classes suppress each other.")
    max_detections: int = Field(
        300, ge=1, le=MAX_DETECTIONS, description="Most objects on one picture, the best by score."
    )
    classes: tuple[ClassName, ...] | None = Field(None, description="Report these classes only, by name or number.")
    head: str | None = Field(
        None,
        description="Layout of the outputs, for files that do not say it; the page on tasks explains them.",
        json_schema_extra=listed_in("streamvision.inference.heads.registry:HEADS"),
    )
    names: tuple[str, ...] | None = Field(None, description="Class names, for files that do not say them.")
    input: ModelInputConfig = Field(
        default_factory=ModelInputConfig,
        description="How pictures are fed to it, where its file does not say it or is wrong; by --input KEY=VALUE.",
    )
    smoothing_s: float = Field(
        0.5,
        ge=0,
        le=60,
        description="For models that name whole pictures: seconds over which scores are averaged, so that the classes "
        "do not flicker; 0: none.",
    )

    @model_validator(mode="after")
    def _steps_are_without_network(self) -> ModelConfig:
        if not is_without_network(self.path):
            if self.steps:
                raise ValueError(f"steps find objects without a network, but path is {self.path}; let it be none")
            return self
        for key in _NETWORK_KEYS:
            if getattr(self, key) != type(self).model_fields[key].get_default(call_default_factory=True):
                raise ValueError(f"{key} is for networks, and the model is none; leave it out")
        return self

    def choosing(self, other: ModelConfig) -> ModelConfig:
        """Return another model, fed and executed as is set for that one, with what counts as found here."""
        return self.model_copy(update={key: getattr(other, key) for key in CHOICE_KEYS})
