"""What to do with a run's files: commands that can be pasted into a shell as they are."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamvision.training.data import TrainingData
from streamvision.training.run_folder import RunFolder


def next_commands(folder: RunFolder, data: TrainingData[Any], onnx: str | None) -> list[str]:
    """Return commands that show the model at work on the held-out pictures, and export it.

    Args:
        folder: of the run.
        data: what was learnt from.
        onnx: path of the ONNX file, where one was made.
    """
    pictures = data.val[0].path.parent
    form = "openvino" if find_spec("openvino") is not None else "onnx"
    commands = [
        ["export", str(folder.best), "--format", form, "--images", str(pictures), "--output", str(_exported(folder))]
    ]
    if onnx is not None:
        record = folder.root / "held-out.mp4"
        commands.insert(0, ["run", "--source", str(pictures), "--model", onnx, "--record", str(record)])
    return [shlex.join(["streamvision", *command]) for command in commands]


def _exported(folder: RunFolder) -> Path:
    return folder.root / "exported"
