"""Networks of ultralytics' layers, six of them, whose training and export take seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_BACKBONE = [
    [-1, 1, "Conv", [8, 3, 2]],
    [-1, 1, "Conv", [8, 3, 2]],
    [-1, 1, "Conv", [16, 3, 2]],
    [-1, 1, "C3k2", [16, False, 0.25]],
    [-1, 1, "Conv", [16, 3, 2]],
    [-1, 1, "Conv", [32, 3, 2]],
]
_HEADS: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "detect": ("Detect", ["nc"], {}),
    "segment": ("Segment", ["nc", 32, 16], {}),
    "pose": ("Pose", ["nc", "kpt_shape"], {"kpt_shape": [17, 3]}),
    "obb": ("OBB26", ["nc", 1], {"end2end": True, "reg_max": 1}),
    "semantic": ("SemanticSegment", ["nc"], {}),
    "rtdetr": ("RTDETRDecoder", ["nc", 32, 20, 4, 4, 2, 64], {}),
}
"""By task: the last layer, what it takes, and keys of the file."""


def tiny_architecture(folder: Path, task: str) -> Path:
    """Write the file of a network for 80 classes; ``rtdetr`` finds objects, too."""
    layer, arguments, keys = _HEADS[task]
    scales = [3, 4] if task == "semantic" else [3, 4, 5]
    document = {"nc": 80, **keys, "backbone": _BACKBONE, "head": [[scales, 1, layer, arguments]]}
    path = folder / f"tiny-{task}.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def tiny_checkpoint(path: Path) -> Path:
    """Write a checkpoint of a detector that has learnt nothing."""
    from streamvision.checkpoints.torch_runtime import import_ultralytics

    import_ultralytics().YOLO(str(tiny_architecture(path.parent, "detect")), verbose=False).save(path)
    return path
