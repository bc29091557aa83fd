"""NCNN models written by hand: a 1x1 convolution, as ``doctor`` tries the runtime with."""

from __future__ import annotations

from pathlib import Path

import yaml

from streamvision.inference.backends.probe import BESIDE, NCNN_PARAM


def ncnn_model(
    folder: Path, *, param: bytes = NCNN_PARAM, weights: bytes | None = BESIDE[".param"], **metadata: object
) -> Path:
    """Write ``model.ncnn.param``, its weights and metadata, as far as they are given; return the first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.ncnn.param"
    path.write_bytes(param)
    if weights is not None:
        path.with_suffix(".bin").write_bytes(weights)
    if metadata:
        (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return path
