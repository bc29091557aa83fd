"""What the benchmarks work on, made once into a cache folder: a 1080p video, and exports by the model's own library."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

SIZE_PX = (1920, 1080)
FRAMES = 600
MAX_FPS = 240
EXPORT_TIMEOUT_S = 600.0
_EXPORT = """
import sys, pathlib
from streamvision.checkpoints.torch_runtime import import_ultralytics
weights, format, dynamic, target = sys.argv[1:]
made = import_ultralytics().YOLO(weights).export(
    format=format, imgsz=640, dynamic=dynamic == "1", device="cpu", simplify=True, verbose=False
)
pathlib.Path(made).rename(target)
"""


def cache_folder() -> Path:
    """Return the folder for what is made here; it may be deleted at any time."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "streamvision" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def video_1080p(source: Path) -> Path:
    """Return a video scaled to 1920x1080, H.264, as a camera would send it, its frames evenly in time."""
    target = cache_folder() / f"{source.stem}-1920x1080.mp4"
    if target.exists():
        return target
    scratch = target.with_suffix(".part.mp4")
    with av.open(str(source)) as read, av.open(str(scratch), "w") as written:
        video = read.streams.video[0]
        rate = _plausible_rate(video)
        made = written.add_stream("libx264", rate=rate, options={"preset": "fast", "crf": "21"})
        made.width, made.height, made.pix_fmt = *SIZE_PX, "yuv420p"
        for number, frame in enumerate(read.decode(video)):
            if number >= FRAMES:
                break
            scaled = frame.reformat(*SIZE_PX, format="yuv420p", interpolation="BICUBIC")
            scaled.pts, scaled.time_base = number, 1 / rate
            written.mux(made.encode(scaled))
        written.mux(made.encode())
    scratch.rename(target)
    return target


def _plausible_rate(video: Any) -> Fraction:
    """Return the frames a second of a video; the usual 25 where its own times make no sense."""
    rate: Fraction | None = video.average_rate or video.guessed_rate
    return rate if rate is not None and 1 <= rate <= MAX_FPS else Fraction(25)


def exported(weights: Path, *, format: str, dynamic: bool) -> Path:
    """Return ultralytics' own export of a checkpoint: an ``.onnx`` file, or the folder of an OpenVINO model."""
    ending = ".onnx" if format == "onnx" else "_openvino_model"
    target = cache_folder() / f"{weights.stem}{'-dynamic' * dynamic}{ending}"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
        copy = Path(scratch) / "model.pt"
        shutil.copyfile(weights, copy)
        made = Path(scratch) / f"made{ending}"
        command = [sys.executable, "-c", _EXPORT, str(copy), format, str(int(dynamic)), str(made)]
        subprocess.run(command, check=True, timeout=EXPORT_TIMEOUT_S, stdout=sys.stderr)
        made.rename(target)
    return target


def input_side_px(model: Path) -> int:
    """Return the side of the square input of an ONNX detector."""
    import onnxruntime

    shape = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).get_inputs()[0].shape
    return int(shape[-1])
