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
    generator: str | None = None,
    passed: bool | None = None,
    is_own_code: bool = False,
) -> list[str]:
    """Return commands that show the model at work on the held-out pictures, export it, and let it take over.

    Args:
        folder: of the run.
        data: what was learnt from.
        onnx: path of the ONNX file, where one was made.
        generator: path of the file that makes pictures of latent numbers, where one was made.
        passed: whether it is no worse than the model that it went on from; ``None`` where it was compared with none.
        is_own_code: whether the checkpoint names code of the user's, which the export then imports.
    """
    form = "openvino" if find_spec("openvino") is not None else "onnx"
    walk = ["run", "--source", f"synthetic:generator?model={generator}", "--model", "none"]
    walk += ["--score", "1", "--show"]  # without boxes of what moves
    if onnx is None and generator is not None:
        return [_line(walk), _line(["export", str(folder.best), "--format", form, "--output", str(_exported(folder))])]
    pictures = data.shown[0].parent if data.shown else data.val[0].path.parent
    commands = [
        ["export", str(folder.best), "--format", form, "--images", str(pictures), "--output", str(_exported(folder))]
    ]
    if is_own_code:
        commands[0].append("--trust-checkpoint")
    if onnx is not None:
        record = folder.root / "held-out.mp4"
        commands.insert(0, ["run", "--source", str(pictures), "--model", onnx, "--record", str(record)])
    if generator is not None:
        commands.insert(1, walk)
    if onnx is not None and passed:
        commands.append(["models", "promote", "default", str(folder.root)])
    return list(map(_line, commands))


def _line(command: list[str]) -> str:
    return shlex.join(["streamvision", *command])


def _exported(folder: RunFolder) -> Path:
    return folder.root / "exported"
