"""Draws a picture of each task into runs/task-pictures: what the overlay makes of real outputs, as users see it.

``python tools/draw_task_pictures.py [--people DETECTOR] [--landmarks FILE] [--segment FILE] [--obb FILE]
[--crops FILE] [--captions FILE] [--answers FILE] [--generator FILE] [--style FILE]
[--faces FILE] [--driver FILE] [--cuboids FILE]``. The drive and the model that ships give
``detect``, ``text`` and ``image``, a traffic camera ``motion``, without a network; the others need a model each: a
detector of COCO's classes and MediaPipe's ``pose_landmark_full.tflite`` for ``pose``, models of the drive's signs for
``segment`` and ``obb``, a classifier of their crops (``streamvision data crops``) for ``crops``, a captioner
(``configs/train-captions.yaml``) for ``caption``, a network with several answers for ``several``
(``configs/train-answers.yaml``), a generator for ``generator`` (``configs/train-vae.yaml``), one
that paints in a style for ``style`` (``configs/train-style.yaml``), one of
drawn faces for ``faces`` (``configs/train-faces.yaml``), a network that drives (docs/driving.md) for ``drive``, and one
that places vehicles in space (``configs/train-cuboid.yaml``) for ``cuboid``, which needs the detector, too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import streamvision
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.models import default_model_path
from streamvision.synthetic.drive.signs import SPEEDS_KM_H
from streamvision.synthetic.faces import FacePainter

FOLDER = Path("runs/task-pictures")
DATA = Path(os.environ.get("STREAMVISION_DATA", "../shared/data"))
PEOPLE = DATA / "videos" / "one-by-one-person-detection.mp4"
CARS = DATA / "videos" / "car-detection.mp4"
MOTION = ("blur:ksize=3", "mog2:var_threshold=32", "open:ksize=3", "close:ksize=15", "contours:min_area=0.004")
DRIVE = "synthetic:drive?realtime=0&fps=30&seed={seed}&size=1280x720&frames={frames}"
STEERED = "synthetic:steered_drive?fps=10&seed=1002&size=1280x720&frames=250"
OCR = "package:rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx"
PLAIN = {"status": False, "trails_s": 0}
ALONE = {"name": "none"}
"""No tracker: the picture shows what the network says."""
TILT_DEG = 14.0
SURE = 0.5
FACE_PICTURES = 40
VEHICLES = ["car", "truck", "bus"]
LIMITS = {str(limit) for limit in SPEEDS_KM_H}
MAX_BYTES = 120_000
WIDTH_PX = 960


def main() -> None:
    """Draw those that there are models for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in (
        "people",
        "landmarks",
        "segment",
        "obb",
        "crops",
        "captions",
        "answers",
        "generator",
        "style",
        "faces",
        "driver",
        "cuboids",
    ):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    drive = DRIVE.format(seed=given.seed, frames=given.frames)
    _save(
        "detect", streamvision.stream(drive, model=default_model_path(), tracker=ALONE, overlay=PLAIN), _large_objects
    )
    if CARS.exists():
        _save("motion", streamvision.stream(CARS, steps=MOTION, overlay=PLAIN), _large_objects)
    reading = {"name": "limit", "model": OCR, "classes": ["speedlimit"], "min_side_px": 24}
    _save(
        "text",
        streamvision.stream(drive, model=default_model_path(), secondary_models=[reading], overlay=PLAIN),
        _sure_texts,
    )
    if given.crops:
        naming = {"name": "sign", "model": str(given.crops), "min_side_px": 24}
        _save(
            "crops",
            streamvision.stream(drive, model=default_model_path(), secondary_models=[naming], overlay=PLAIN),
            _sure_names,
        )
    if given.captions:
        telling = {"name": "caption", "model": str(given.captions), "every_s": 0.4}
        seldom = drive.replace("fps=30", "fps=2")
        found = streamvision.stream(seldom, model=default_model_path(), key_frames=[telling], overlay=PLAIN)
        _save("caption", found, _long_sentences)
    if given.answers:
        several = streamvision.stream(drive, model=given.answers, tracker=ALONE, overlay=PLAIN)
        _save("several", several, _sure_answers)
    if given.generator:
        walk = f"synthetic:generator?model={given.generator}&realtime=0&size=960x320&frames=40"
        nothing = {"status": False, "trails_s": 0, "boxes": False, "labels": False}
        _save("generator", streamvision.stream(walk, model="none", overlay=nothing), lambda result: result.frame.index)
    if given.style:
        small = drive.replace("size=1280x720", "size=640x360").replace("fps=30", "fps=2")
        _save("style", streamvision.stream(small, model=given.style, overlay=PLAIN), _fourth)
    if given.driver:
        _save("drive", streamvision.stream(STEERED, model=given.driver, tracker=ALONE, overlay=PLAIN), _steered)
    with tempfile.TemporaryDirectory() as scratch:
        outlines = _outline_network(Path(scratch) / "outlines.onnx")
        shown = min(120, given.frames - 1)
        _save(
            "image",
            streamvision.stream(drive, model=outlines, overlay=PLAIN),
            lambda result: result.frame.index == shown,
        )
        if given.segment:
            _save(
                "segment",
                streamvision.stream(drive, model=given.segment, score=SURE, tracker=ALONE, overlay=PLAIN),
                _large_objects,
            )
        if given.obb:
            tilted = _tilted(drive, Path(scratch) / "tilted.mp4")
            _save(
                "obb",
                streamvision.stream(tilted, model=given.obb, score=SURE, tracker=ALONE, overlay=PLAIN),
                _large_objects,
            )
        if given.faces:
            _save("faces", _on_painted_faces(Path(scratch), given.faces), _whole_faces)
    if given.people and given.cuboids:
        space = {"name": "space", "model": str(given.cuboids), "min_side_px": 16}
        _save(
            "cuboid",
            streamvision.stream(
                drive,
                model=given.people,
                classes=VEHICLES,
                score=SURE,
                agnostic_nms=True,
                secondary_models=[space],
                overlay=PLAIN,
            ),
            _placed_vehicles,
        )
    if given.people and given.landmarks:
        pose = {"name": "pose", "model": str(given.landmarks), "classes": ["person"], "margin": 0.15, "refresh": 1.02}
        found = streamvision.stream(
            PEOPLE, model=given.people, classes=["person"], secondary_models=[pose], overlay=PLAIN
        )
        _save("pose", found, _whole_skeletons)


def _fourth(result: Any) -> bool:
    return bool(result.frame.index == 3)


def _save(task: str, results: Iterator[Any], value: Callable[[Any], float]) -> None:
    """Write the picture of the frame that is worth the most."""
    best, chosen = 0.0, None
    for result in results:
        if (worth := float(value(result))) > best:
            best, chosen = worth, result.annotated_bgr
    if chosen is None:
        raise SystemExit(f"{task}: nothing was found on any frame")
    height_px, width_px = chosen.shape[:2]
    if width_px > WIDTH_PX:
        chosen = cv2.resize(chosen, (WIDTH_PX, height_px * WIDTH_PX // width_px), interpolation=cv2.INTER_AREA)
    for quality in range(90, 30, -5):
        jpeg = cv2.imencode(".jpg", chosen, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(jpeg) <= MAX_BYTES:
            break
    (FOLDER / f"{task}.jpg").write_bytes(jpeg)


def _large_objects(result: Any) -> float:
    """Prefer several sure objects that are large, apart from each other and not about to leave the picture."""
    found = result.detections
    left, top, right, bottom = found.box_xyxy_px.T
    picture = result.frame.picture
    inside = (left > 0.08 * picture.width_px) & (right < 0.92 * picture.width_px) & (top > 0.04 * picture.height_px)
    size = np.minimum(right - left, bottom - top)
    apart = np.abs(np.subtract.outer(left, left)) + np.abs(np.subtract.outer(top, top)) + 1e6 * np.eye(len(left)) > 40
    return float((np.minimum(size, 70) * inside * apart.all(axis=1) * found.score).sum())


def _steered(result: Any) -> float:
    """Prefer a car that the network drives (at first the rules do), fast and with a wheel that is turned."""
    seen, values = result.frame.picture.owner, result.to_dict()["values"]
    return float(seen.is_commanded * abs(values["steering"]) * seen.situation.speed_m_s)


def _sure_texts(result: Any) -> float:
    """Prefer limits that were read surely, of a size at which the tracker's box does not lag behind the sign."""
    worth = 0.0
    for one in result.to_dict()["objects"]:
        _, top, _, bottom = one["box_xyxy_px"]
        reading = one.get("attributes", {}).get("limit", {})
        if reading and reading["text"] not in LIMITS:
            return 0.0
        worth += (reading.get("score", 0) > 0.9) * max(1 - abs(bottom - top - 42) / 42, 0)
    return worth


def _long_sentences(result: Any) -> float:
    """Prefer frames about which much was said, surely, and on which the detector has found signs, too."""
    said = result.to_dict().get("key_frames", {}).get("caption", {}).get("text", {})
    return float(len(said.get("text", "")) * said.get("score", 0) * _large_objects(result))


def _sure_names(result: Any) -> float:
    """Prefer objects that two networks name alike, surely, of a size at which the label does not cover the sign."""
    worth = 0.0
    for one in result.to_dict()["objects"]:
        _, top, _, bottom = one["box_xyxy_px"]
        found = one.get("attributes", {}).get("sign", {})
        same = found.get("class_name") == one["class_name"]
        worth += same * (found.get("score", 0) > 0.8) * max(1 - abs(bottom - top - 60) / 60, 0)
    return worth


def _sure_answers(result: Any) -> float:
    """Prefer sure weather that is not the commonest, and a vehicle that is near."""
    told = result.to_dict()
    best = told["classes"][0]
    sure = best["score"] > 0.95 and best["class_name"] != "day"
    return float(sure) / max(told["values"]["distance"], 1.0)


def _placed_vehicles(result: Any) -> float:
    """Prefer several vehicles in space, near and apart from each other, that do not leave the picture."""
    found = [one for one in result.to_dict()["objects"] if "corners_px" in one.get("attributes", {}).get("space", {})]
    picture, lefts, worth = result.frame.picture, [], 0.0
    for one in found:
        left, top, right, bottom = one["box_xyxy_px"]
        inside = left > 4 and right < picture.width_px - 4 and all(abs(left - other) > 60 for other in lefts)
        worth += inside * one["score"] * min(bottom - top, 150)
        lefts.append(left)
    return worth


def _whole_skeletons(result: Any) -> float:
    """Prefer people who stand in the picture from head to foot, with a skeleton that was found just now."""
    worth = 0.0
    width_px, height_px = result.frame.picture.width_px, result.frame.picture.height_px
    for one in result.to_dict()["objects"]:
        left, top, right, bottom = one["box_xyxy_px"]
        poses = one.get("attributes", {}).get("pose", {}).get("objects", [])
        if poses and left > 5 and top > 5 and right < width_px - 5 and bottom < height_px - 5:
            x, y, sure = np.array(poses[0]["keypoints"]).T
            inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
            worth += float((inside * sure).mean() * (y.max() - y.min()) / (bottom - top))
    return worth


def _on_painted_faces(folder: Path, model: Path) -> Iterator[Any]:
    """Return results on pictures of faces that no training has seen."""
    painter = FacePainter(640, 360, seed=90)
    for number in range(FACE_PICTURES):
        cv2.imwrite(str(folder / f"face-{number:03}.png"), painter.picture()[0])
    return streamvision.stream(folder / "face-*.png", model=model, score=SURE, tracker=ALONE, overlay=PLAIN)


def _whole_faces(result: Any) -> float:
    """Return how many faces were found, and within that how sure they are."""
    return float(len(result.detections) + np.sum(result.detections.score) / 100)


def _tilted(drive: str, path: Path) -> Path:
    """Write the drive as a camera sees it that hangs askew."""
    writer: Any = None
    for result in streamvision.stream(drive, model=default_model_path(), overlay=PLAIN):
        height_px, width_px = result.bgr.shape[:2]
        if writer is None:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (width_px, height_px))
        turn = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), TILT_DEG, 1.25)
        writer.write(cv2.warpAffine(result.bgr, turn, (width_px, height_px), flags=cv2.INTER_AREA))
    writer.release()
    return path


def _outline_network(path: Path) -> Path:
    """Write a network from pictures to pictures: dark outlines on white, by the slopes of the smoothed brightness."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    width_px, height_px = 960, 544
    smooth = np.outer(*[np.array([1, 4, 6, 4, 1], np.float32) / 16] * 2)
    slope = np.outer([1, 2, 1], [-1, 0, 1]).astype(np.float32)
    weights = {
        "grey": np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 3, 1, 1),
        "smooth": smooth[None, None],
        "slopes": np.stack([slope, slope.T])[:, None],
        "sum": np.full((3, 2, 1, 1), -1.6, np.float32),
        "white": np.ones(3, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["pictures", "grey"], ["brightness"]),
        helper.make_node("Conv", ["brightness", "smooth"], ["soft"], pads=[2] * 4),
        helper.make_node("Conv", ["soft", "slopes"], ["signed"], pads=[1] * 4),
        helper.make_node("Abs", ["signed"], ["steep"]),
        helper.make_node("Conv", ["steep", "sum", "white"], ["drawn"]),
        helper.make_node("Clip", ["drawn", "zero", "one"], ["output"]),
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    constants += [numpy_helper.from_array(np.float32(value), name) for name, value in (("zero", 0), ("one", 1))]
    shape = [1, 3, height_px, width_px]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("pictures", "output")]
    model = helper.make_model(
        helper.make_graph(nodes, "outlines", ends[:1], ends[1:], constants),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    of_input = InputCard(width_px=width_px, height_px=height_px)
    card = ModelCard(task="image", head="image", names=("image",), input=of_input)
    helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)
    return path


if __name__ == "__main__":
    main()
