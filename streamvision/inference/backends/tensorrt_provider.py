"""What ONNX Runtime's TensorRT provider is told: precision, sizes of calls, and where its engines are kept.

Up to version 1.26 of ONNX Runtime its networks are strongly typed (their arithmetic is what the file's types say)
unless a precision is switched on; from 1.27 on they never are, and the file's precision must be switched on. For sizes
that an engine was not built for, it would be built again in the middle of a stream, which takes minutes. Both follow
from the file. Not verified on a GPU: written after the provider's documentation, source and binaries.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamvision.core.config.model import Precision
from streamvision.core.errors import DeviceError, ModelError, OutputError
from streamvision.core.files import cache_folder, sha256_of, writing
from streamvision.core.model_location import ModelLocation
from streamvision.inference.backends.onnx_scan import scan_onnx
from streamvision.inference.tensors import ModelInputs, TensorSpec, shape_text

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_WEAKLY_TYPED_FROM = (1, 27)
LARGEST_BATCH = 16
"""Pictures in the largest call of a model that takes any number, as the pipeline makes them."""
USUAL_BATCH = 4
_LEAST_SIDE_PX, _LARGEST_SIDE_PX = 32, 1280
"""Sides of a network's input that are free."""
_LEAST_PICTURE_PX, _USUAL_PICTURE_PX, _LARGEST_PICTURE_PX = (32, 32), (1080, 1920), (2160, 3840)
"""Height and width of whole pictures, which models resize themselves."""
WORKSPACE_BYTES = 1 << 30
"""Most memory that a layer may work in. On a Jetson the GPU's memory is that of everything else, and convolutions of
640 pixels gain nothing from more."""
MOST_ENGINE_FOLDERS = 16
"""Those used last are kept; the engines of one model take from 10 to some 200 MB."""
LOCK_TIMEOUT_S = 3600.0
"""Building for a large network on a small device may take the better part of this."""
_POLL_S = 0.2
_KEY_CHARACTERS = 16
_OPTIONS = "options.json"
_ANOTHER = "set XDG_CACHE_HOME to a folder that can be written"


Sizes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class EnginePlan:
    """How a file becomes engines."""

    precision: str
    """What they compute in: the file's own, or ``fp16`` where a float32 file is asked to."""
    strongly_typed: bool
    """Whether each layer computes in the type that the file gives it; else TensorRT may take half precision more."""
    options: Mapping[str, str]
    """The provider's options that decide what an engine is."""
    sizes: Sizes | None
    """Smallest, most usual and largest shape of the picture's input; ``None`` where the file fixes it."""
    max_batch: int | None
    """Most pictures a call where the batch is free; ``None`` where the file fixes it."""
    folder: Path
    """Where the engines lie, or will."""

    def check(self, shape: tuple[int, ...], path: ModelLocation) -> None:
        """Refuse a tensor of a size that no engine is built for: the provider would build, or fail deep inside.

        Raises:
            ModelError: when one of its sides is too small or too large.
        """
        if self.sizes is None:
            return
        least, _, most = self.sizes
        own = shape[len(shape) - len(most) :]  # some models take one picture, without a batch
        if not all(low <= side <= high for low, side, high in zip(least, own, most, strict=True)):
            raise ModelError(
                f"{path} runs in TensorRT with inputs from {shape_text(least)} to {shape_text(most)}, not with "
                f"{shape_text(own)}; export it with one fixed size, or use --device cuda"
            )

    def built(self) -> bool:
        """Return whether there are engines already."""
        return any(self.folder.glob("*.engine"))

    def provider_options(self, index: int) -> dict[str, str]:
        """Return all options for a GPU."""
        return {
            "device_id": str(index),
            **self.options,
            "trt_max_workspace_size": str(WORKSPACE_BYTES),
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(self.folder),
            "trt_timing_cache_enable": "True",  # what was measured for one model serves the next
            "trt_timing_cache_path": str(self.folder.parent),
        }


def plan_engines(
    path: Path, inputs: ModelInputs, *, precision: Precision, version: str, usual_side_px: tuple[int, int]
) -> EnginePlan:
    """Return how a file's engines are built and where they are kept.

    The provider itself tells engines by the file's name and the graph, not by the weights, so that a model that was
    trained again would run on the old ones; here the folder goes by the file's content.

    Args:
        path: the ONNX file.
        inputs: of the model.
        precision: what is asked for.
        version: ONNX Runtime's.
        usual_side_px: height and width of the network's input where its sides are free.

    Raises:
        ModelError: when the file is damaged, or its weights are missing.
        DeviceError: when its precision is not the one that is asked for.
    """
    scan = scan_onnx(path.read_bytes(), name=str(path))
    built = "fp16" if (scan.precision, precision) == ("fp32", "fp16") else scan.precision
    if precision not in ("auto", built):
        raise DeviceError(
            f"{path} is in {scan.precision}, which TensorRT does not make {precision} of; make one with "
            f"'streamvision export MODEL --format tensorrt --precision {precision}', or use --precision auto"
        )
    free_batch = inputs.picture.shape[0] is None
    if free_batch and inputs.picture.is_whole_pictures:
        # Resizing is not TensorRT's in whole, and the provider wants to know all sizes between its parts, too.
        raise DeviceError(
            f"{path} takes any number of whole pictures a call, and TensorRT needs a fixed one; export it without "
            "--dynamic-batch, or use --device cuda"
        )
    strongly_typed = built == scan.precision and _version(version) < _WEAKLY_TYPED_FROM
    options = {} if strongly_typed or built == "fp32" else {f"trt_{built}_enable": "True"}
    sizes = profile(inputs, usual_side_px)
    for which, name in enumerate(("min", "opt", "max") if sizes else ()):
        shapes = (f"{port}:{'x'.join(map(str, shape[which]))}" for port, shape in sizes.items())
        options[f"trt_profile_{name}_shapes"] = ",".join(shapes)
    try:
        digest = sha256_of([path, *(path.parent / name for name in scan.external)])
    except OSError as error:
        raise ModelError(
            f"{path} has weights in other files, and one cannot be read ({error.strerror}: {error.filename}); put them "
            "beside it"
        ) from error
    depends = json.dumps([digest, version, options], sort_keys=True)
    key = hashlib.sha256(depends.encode()).hexdigest()[:_KEY_CHARACTERS]
    return EnginePlan(
        precision=built,
        strongly_typed=strongly_typed,
        options=options,
        sizes=sizes.get(inputs.picture.name),
        max_batch=LARGEST_BATCH if free_batch else None,
        folder=cache_folder("tensorrt") / f"{path.stem}-{key}",
    )


def _version(text: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else _WEAKLY_TYPED_FROM


def profile(inputs: ModelInputs, usual_side_px: tuple[int, int]) -> dict[str, Sizes]:
    """Return by input the smallest, the most usual and the largest shape, of all inputs with free axes.

    Args:
        inputs: of the model.
        usual_side_px: height and width of the network's input where its sides are free.
    """
    own = {spec.name: spec for spec in inputs.own if None in spec.shape}
    return {name: _sizes(spec, inputs, usual_side_px) for name, spec in own.items()}


def _sizes(spec: TensorSpec, inputs: ModelInputs, usual_side_px: tuple[int, int]) -> Sizes:
    picture = inputs.picture
    free: dict[int, tuple[int, ...]] = {0: (1, USUAL_BATCH, LARGEST_BATCH)}
    if spec.name == picture.name:
        heights, widths = _sides_px(picture, usual_side_px)
        rows = 2 if picture.layout == "nchw" else 1
        free |= {rows: heights, rows + 1: widths}
        if not inputs.batched:
            free = {axis - 1: sizes for axis, sizes in free.items()}
    least, usual, most = (
        tuple(free[axis][which] if side is None else side for axis, side in enumerate(spec.shape)) for which in range(3)
    )
    return least, usual, most


def _sides_px(picture: TensorSpec, usual_side_px: tuple[int, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return smallest, most usual and largest height, and width."""
    if not picture.is_whole_pictures:
        heights, widths = ((_LEAST_SIDE_PX, usual, max(usual, _LARGEST_SIDE_PX)) for usual in usual_side_px)
        return heights, widths
    # In YUV 4:2:0 the planes of colour lie below that of brightness: 3 rows for each 2 of the picture.
    planes = 1.5 if picture.shape[3] == 1 else 1
    heights, widths = zip(_LEAST_PICTURE_PX, _USUAL_PICTURE_PX, _LARGEST_PICTURE_PX, strict=True)
    return tuple(int(height * planes) for height in heights), widths


@contextmanager
def engine_folder(plan: EnginePlan, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the plan's folder while its engines are built or read, and remove those that were not used for longest.

    One lock for all: a builder measures how long kernels take, and a second one beside it would spoil that.

    Raises:
        OutputError: when the folder cannot be written, or another process builds for longer than ``timeout_s``.
    """
    with writing(f"TensorRT's engines to {plan.folder}", instead=_ANOTHER):
        plan.folder.mkdir(parents=True, exist_ok=True)
        (plan.folder / _OPTIONS).write_text(json.dumps(dict(plan.options), indent=1) + "\n", encoding="utf-8")
        os.utime(plan.folder)
        stream = (plan.folder.parent / ".lock").open("w")
    with stream:
        give_up_s = time.monotonic() + timeout_s
        while fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > give_up_s:
                    raise OutputError(
                        f"another process has been building engines into {plan.folder.parent} for {timeout_s:.0f} s; "
                        "wait for it, or set XDG_CACHE_HOME to another folder"
                    ) from error
                time.sleep(_POLL_S)
        _remove_oldest(plan.folder.parent)
        yield


def _remove_oldest(engines: Path) -> None:
    folders = [folder for folder in engines.iterdir() if (folder / _OPTIONS).is_file()]
    folders.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in folders[MOST_ENGINE_FOLDERS:]:
        shutil.rmtree(folder, ignore_errors=True)


def forget_engines(plan: EnginePlan) -> None:
    """Remove the plan's engines: another version of TensorRT, or another GPU, cannot read them."""
    for file in plan.folder.glob("*"):
        if file.name != _OPTIONS:
            file.unlink(missing_ok=True)
