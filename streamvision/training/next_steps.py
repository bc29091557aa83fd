"""What to do with a run's files: commands that can be pasted into a shell as they are."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streamvision.training.data import TrainingData
from streamvision.training.run_folder import RunFolder


def next_commands(
    folder: RunFolder,
    data: TrainingData[Any],
    onnx: str | None,
    *,
    passed: bool | None = None,
    is_own_code: bool = False,
) -> list[str]:
    """Return commands that show the model at work on the held-out pictures, export it, and let it take over.

    Args:
        folder: of the run.
        data: what was learnt from.
        onnx: path of the ONNX file, where one was made.
        passed: whether it is no worse than the model that it went on from; ``None`` where it was compared with none.
        is_own_code: whether the checkpoint names code of the user's, which the export then imports.
    """
    pictures = data.shown[0].parent if data.shown else data.val[0].path.parent
    form = "openvino" if find_spec("openvino") is not None else "onnx"
    commands = [
        ["export", str(folder.best), "--format", form, "--images", str(pictures), "--output", str(_exported(folder))]
    ]
    if is_own_code:
        commands[0].append("--trust-checkpoint")
    if onnx is not None:
        record = folder.root / "held-out.mp4"
        commands.insert(0, ["run", "--source", str(pictures), "--model", onnx, "--record", str(record)])
    if onnx is not None and (generator := Path(onnx).with_name("generator.onnx")).is_file():
        commands.insert(1, ["run", "--source", f"synthetic:generator?model={generator}", "--model", "none", "--show"])
    if onnx is not None and passed:
        commands.append(["models", "promote", "default", str(folder.root)])
    return [shlex.join(["streamvision", *command]) for command in commands]


def _exported(folder: RunFolder) -> Path:
    return folder.root / "exported"
