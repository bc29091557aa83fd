"""The golden vectors as files: raw and little-endian, so that any language reads them, and JSON for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from exporters.bundle.golden import GoldenVectors
from streamvision.core.errors import ExportError
from streamvision.core.image_result import ImageResult
from streamvision.core.masks import BoxMask
from streamvision.inference.model_card import OBJECT_TASKS, ModelCard

_TYPES = {"uint8": ("u1", "u8"), "uint32": ("<u4", "u32"), "float32": ("<f4", "f32")}
"""By type, numpy's name of it and the ending of its files."""


def write_golden(folder: Path, vectors: GoldenVectors, card: ModelCard, *, input_name: str) -> dict[str, Any]:
    """Write the vectors into a new folder ``golden`` and return where each is.

    Args:
        folder: the bundle.
        vectors: what is written.
        card: the model's card.
        input_name: name of the network's input.

    Raises:
        ExportError: when the picture cannot be encoded.
    """
    golden = folder / "golden"
    golden.mkdir()
    encoded, png = cv2.imencode(".png", vectors.bgr)
    if not encoded:
        raise ExportError("the test picture cannot be encoded as PNG; give another picture")
    (golden / "picture.png").write_bytes(png.tobytes())
    (golden / "content.rgb").write_bytes(vectors.content_rgb.tobytes())
    height_px, width_px = vectors.bgr.shape[:2]
    return {
        "picture": {"file": "golden/picture.png", "width_px": width_px, "height_px": height_px},
        "content": {"file": "golden/content.rgb", "shape": list(vectors.content_rgb.shape), "dtype": "uint8"},
        "input": {"name": input_name, **_raw(golden, "input", vectors.input)},
        "outputs": [
            {"name": name, **_raw(golden, f"output_{at}", output)}
            for at, (name, output) in enumerate(vectors.outputs.items())
        ],
        **(_objects if card.task in OBJECT_TASKS else _whole_picture)(golden, vectors, card),
    }


def _objects(golden: Path, vectors: GoldenVectors, card: ModelCard) -> dict[str, Any]:
    found = vectors.found.detections
    height_px, width_px = vectors.bgr.shape[:2]
    document = list(found.objects(card.names, picture_px=(width_px, height_px)))
    (golden / "detections.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    _raw(golden, "detections", np.column_stack([found.box_xyxy_px, found.score, found.class_id]))
    files: dict[str, Any] = {"detections": "golden/detections.json"}
    if found.mask is not None:
        lengths = np.concatenate([run_lengths(mask) for mask in found.mask])
        files["masks"] = _raw(golden, "masks", lengths)
    if found.keypoint_xy_px is not None and found.keypoint_score is not None:
        points = np.concatenate([found.keypoint_xy_px, found.keypoint_score[..., None]], axis=2)
        files["keypoints"] = _raw(golden, "keypoints", points)
    if found.obb_cxcywhr_px is not None:
        files["oriented"] = _raw(golden, "oriented", found.obb_cxcywhr_px)
    return files


def _whole_picture(golden: Path, vectors: GoldenVectors, _: ModelCard) -> dict[str, Any]:
    result = vectors.found.image_result
    files: dict[str, Any] = {}
    if result is not None and result.class_score is not None:
        files["classes"] = _raw(golden, "classes", result.class_score)
    if result is not None and result.class_map is not None:
        files["class_map"] = _raw(golden, "class_map", result.class_map)
    if result is not None:
        files |= _answers(golden, result)
    return files


def _answers(golden: Path, result: ImageResult) -> dict[str, Any]:
    """Write numbers, a sentence, a cuboid or a picture, and return where they are."""
    files: dict[str, Any] = {}
    if result.values is not None:
        files["numbers"] = _raw(golden, "numbers", np.array([*result.values.values()], np.float32))
    if result.text is not None and result.word_score is not None:
        (golden / "sentence.txt").write_text(result.text, encoding="utf-8")
        files |= {"sentence": "golden/sentence.txt", "words": _raw(golden, "words", result.word_score)}
    if (one := result.cuboid) is not None:
        row = (*one.size_lwh_m, one.alpha_rad, one.depth_factor, *one.offset, one.spread)
        files["cuboid"] = _raw(golden, "cuboid", np.array(row, np.float32))
    if result.picture is not None:
        files["made"] = _raw(golden, "made", result.picture.to_bgr()[..., ::-1])
    return files


def run_lengths(mask: BoxMask) -> NDArray[np.uint32]:
    """Return left, top, width, height, the number of runs, and their lengths along the rows, zeros first."""
    height, width = mask.bits.shape
    flat = np.concatenate([[False], mask.bits.reshape(-1)])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    lengths = np.diff(edges, prepend=0, append=mask.bits.size)
    return np.array([mask.left_px, mask.top_px, width, height, len(lengths), *lengths], np.uint32)


def _raw(golden: Path, name: str, tensor: NDArray[Any]) -> dict[str, Any]:
    """Write one tensor and return its file, shape and type; halves are widened, as few languages have them."""
    dtype = str(tensor.dtype) if str(tensor.dtype) in _TYPES else "float32"
    stored, ending = _TYPES[dtype]
    file = f"{name}.{ending}"
    (golden / file).write_bytes(np.ascontiguousarray(tensor, stored).tobytes())
    return {"file": f"golden/{file}", "shape": list(tensor.shape), "dtype": dtype}
