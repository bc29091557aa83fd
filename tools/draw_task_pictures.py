"""Draws a picture of each task into runs/task-pictures: ``python tools/draw_task_pictures.py DETECTOR.onnx``.

The detector is a real one. There are no weights for the other tasks that may be shipped, so what their pictures show is
what people marked on COCO's photographs (and, for pose, by hand), drawn by the overlay as if a model had found it.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.inference import Detector
from pipelines.overlay.overlay import Overlay
from pipelines.publish.encode import JpegEncoder
from streamvision.coco import COCO_NAMES, COCO_SKELETON
from streamvision.config import ModelConfig, OverlayConfig
from streamvision.detections import Detections
from streamvision.frame import Frame, Result
from streamvision.masks import BoxMask
from streamvision.picture import BgrPicture
from streamvision.training.dataset import LabelledImage
from streamvision.training.datasets import read_dataset
from streamvision.training.evaluation.coco_shapes import oriented_box
from streamvision.whole_picture import WholePicture

FOLDER = Path("runs/task-pictures")
DATA = Path(os.environ.get("STREAMVISION_DATA", "../shared/data"))
MISSING_CATEGORIES = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""Numbers between 1 and 90 that no category of COCO has."""
WALKER_FRAME = 250
# In pixels of the frame; he stands with his back to the camera, so his left is on the left.
WALKER = {3: (455, 43), 4: (502, 43), 5: (432, 95), 6: (524, 95), 7: (402, 165), 8: (539, 167)}
WALKER |= {11: (440, 218), 12: (488, 218), 13: (441, 284), 14: (484, 284), 15: (434, 352), 16: (462, 352)}
WALKER_BOX = (388, 2, 549, 383)


def main() -> None:
    """Draw all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    marked = _marked()
    picture = _picture(DATA / "coco_val" / "images" / "000000001000.jpg")
    with Detector.open(ModelConfig(path=Path(sys.argv[1]))) as detector:
        _draw("detect", picture, detector.detect([picture])[0])
    for task, name in (("segment", "000000001584"), ("obb", "000000002592")):
        image = marked[name]
        found = _objects(image)
        if task == "obb":
            boxes = [oriented_box(box.shape.polygons_px) for box in image.boxes if box.shape]
            found = replace(found, mask=None, obb_cxcywhr_px=np.array(boxes, np.float32))
        _draw(task, _picture(image.path), found)
    image = marked["000000001503"]
    class_map = _class_map(image)
    _draw("semantic", _picture(image.path), whole=WholePicture(class_map=class_map))
    image = marked["000000003501"]
    shares = np.bincount(_class_map(image).reshape(-1), minlength=len(COCO_NAMES) + 1)[:-1]
    score = (shares / shares.sum()).astype(np.float32)
    _draw("classify", _picture(image.path), whole=WholePicture(class_score=score))
    _draw("pose", _walker(), _walker_pose())


def _draw(task: str, picture: BgrPicture, found: Detections | None = None, whole: WholePicture | None = None) -> None:
    frame = Frame(task, 0, 0.0, time.monotonic(), picture)
    names = (*COCO_NAMES, "background") if whole else COCO_NAMES
    overlay = Overlay(OverlayConfig(status=False), names, skeleton=COCO_SKELETON)
    scene = overlay.plan(Result(frame, found or Detections.empty(), whole), fps=0)
    (FOLDER / f"{task}.jpg").write_bytes(JpegEncoder(82)(scene.draw()))


def _marked() -> dict[str, LabelledImage]:
    with TemporaryDirectory() as scratch:
        for name, source in (("images", "images"), ("labels", "masks_yolo")):
            (Path(scratch) / name).symlink_to((DATA / "coco_val" / source).resolve())
        images = read_dataset(Path(scratch), shapes=True).images
    folder = DATA / "coco_val" / "images"
    return {image.path.stem: replace(image, path=folder / image.path.name) for image in images}


def _objects(image: LabelledImage) -> Detections:
    boxes = [box for box in image.boxes if box.shape]
    masks: NDArray[np.object_] = np.empty(len(boxes), object)
    for index, box in enumerate(boxes):
        bits = _filled(image, box.shape.polygons_px if box.shape else ())
        left, top, right, bottom = (round(edge) for edge in box.box_xyxy_px)
        masks[index] = BoxMask(left, top, bits[top:bottom, left:right].astype(bool))
    return Detections(
        np.array([box.box_xyxy_px for box in boxes], np.float32),
        np.ones(len(boxes), np.float32),
        np.array([_class(box.class_id) for box in boxes], np.int32),
        mask=masks,
    )


def _class_map(image: LabelledImage) -> NDArray[np.uint8]:
    """Return (H, W) classes, the background as the last."""
    class_map = np.full((image.height_px, image.width_px), len(COCO_NAMES), np.uint8)
    for box in image.boxes:
        if box.shape:
            class_map[_filled(image, box.shape.polygons_px) > 0] = _class(box.class_id)
    return class_map


def _class(category: int) -> int:
    """Return the class id of a number of COCO's categories, which have gaps."""
    return category - 1 - sum(missing < category for missing in MISSING_CATEGORIES)


def _filled(image: LabelledImage, polygons: tuple[tuple[float, ...], ...]) -> NDArray[np.uint8]:
    bits = np.zeros((image.height_px, image.width_px), np.uint8)
    outlines: Any = [np.rint(np.array(polygon).reshape(-1, 2)).astype(np.int32) for polygon in polygons]
    cv2.fillPoly(bits, outlines, 1)
    return bits


def _picture(path: Path) -> BgrPicture:
    bgr: Any = cv2.imread(str(path))
    return BgrPicture(bgr)


def _walker() -> BgrPicture:
    video = cv2.VideoCapture(str(DATA / "videos" / "one-by-one-person-detection.mp4"))
    video.set(cv2.CAP_PROP_POS_FRAMES, WALKER_FRAME)
    _, bgr = video.read()
    return BgrPicture(np.asarray(bgr, np.uint8))


def _walker_pose() -> Detections:
    points = np.zeros((1, 17, 2), np.float32)
    score = np.zeros((1, 17), np.float32)
    for index, point in WALKER.items():
        points[0, index], score[0, index] = point, 1.0
    boxes = np.array([WALKER_BOX], np.float32)
    person = np.zeros(1, np.int32)
    return Detections(boxes, np.ones(1, np.float32), person, keypoint_xy_px=points, keypoint_score=score)


if __name__ == "__main__":
    main()
