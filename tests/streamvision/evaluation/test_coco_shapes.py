"""Figures of masks, keypoints and oriented boxes are those of pycocotools, from real polygons."""

import contextlib
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.ndimage import distance_transform_cdt

from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.masks import BoxMask
from streamvision.datasets import read_dataset
from streamvision.datasets.dataset import LabelledBox, LabelledImage, LabelledShape
from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.evaluation.coco_shapes import oriented_box
from streamvision.evaluation.predictions import Predictions
from streamvision.inference.coco import COCO_SIGMAS
from support.labelled import found, predictions, truth

SIGMAS = COCO_SIGMAS
SQUARE = (100.0, 100.0, 200.0, 200.0)


@pytest.fixture(scope="module")
def polygons(data_dir, tmp_path_factory):
    """Real pictures with real outlines."""
    folder = tmp_path_factory.mktemp("polygons")
    (folder / "images").symlink_to(data_dir / "coco_val" / "images")
    (folder / "labels").symlink_to(data_dir / "coco_val" / "masks_yolo")
    whole = read_dataset(folder, shapes=True)
    return replace(whole, images=tuple(image for image in whole.images if image.boxes)[:25])


def found_masks(image, random):
    """Objects found nearly right, wrongly, twice or not at all."""
    rows = []
    for box in [*image.boxes[1:], *image.boxes[:2], *image.boxes]:
        bits = np.zeros((image.height_px, image.width_px), np.uint8)
        outline = np.array(box.shape.polygons_px[0]).reshape(-1, 2) + random.normal(0, random.choice([1, 8]), 2)
        cv2.fillPoly(bits, [np.rint(outline).astype(np.int32)], 1)
        ys, xs = np.nonzero(bits)
        if len(xs):
            left, top, right, bottom = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
            mask = BoxMask(int(left), int(top), bits[top:bottom, left:right].astype(bool))
            rows.append(((left, top, right, bottom), random.uniform(0.01, 1), box.class_id, mask))
    masks = np.empty(len(rows), object)
    masks[:] = [row[3] for row in rows]
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32).round(5),
        np.array([row[2] for row in rows], np.int32),
        mask=masks,
    )


def band(bits):
    """The pixels of a mask within the paper's distance of its contour, by distances instead of erosion."""
    height, width = bits.shape
    steps = distance_transform_cdt(np.pad(bits, 1), metric="chessboard")[1:-1, 1:-1]
    return (bits > 0) & (steps <= max(1, round(0.02 * math.hypot(width, height))))


def by_boundary(evaluation_class):
    """COCO's evaluation by the smaller of the overlaps of masks and of their bands (Cheng et al. 2021)."""
    from pycocotools import mask as tool

    class ByBoundary(evaluation_class):
        def __init__(self, *given):
            super().__init__(*given)
            self.bands = {}

        def band_of(self, one):
            key = id(one)
            if key not in self.bands:
                self.bands[key] = tool.encode(
                    np.asfortranarray(band(tool.decode(one["segmentation"])).astype(np.uint8))
                )
            return self.bands[key]

        def computeIoU(self, image_id, class_id):  # noqa: N802
            overlaps = super().computeIoU(image_id, class_id)
            marked, found = self._gts[image_id, class_id], self._dts[image_id, class_id]
            if len(overlaps) == 0:
                return overlaps
            order = np.argsort([-one["score"] for one in found], kind="mergesort")[: self.params.maxDets[-1]]
            bands = [[self.band_of(one) for one in rows] for rows in ([found[i] for i in order], marked)]
            return np.minimum(overlaps, tool.iou(*bands, [0] * len(marked)))

    return ByBoundary


def reference(annotations, images, names, results, kind, around=lambda evaluation_class: evaluation_class):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": n, "width": i.width_px, "height": i.height_px} for n, i in enumerate(images)],
            "annotations": [one | {"id": n} for n, one in enumerate(annotations, 1)],
            "categories": [{"id": n, "name": name} for n, name in enumerate(names)],
        }
        truth.createIndex()
        evaluation = around(COCOeval)(truth, truth.loadRes([dict(row) for row in results]), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def test_masks_equal_pycocotools_on_real_polygons(polygons):
    tool = pytest.importorskip("pycocotools.mask")
    random = np.random.default_rng(5)
    seen = tuple(found_masks(image, random) for image in polygons.images)
    given = Predictions(polygons.names, polygons.images, seen)
    annotations, results = [], []
    for number, (image, one) in enumerate(zip(polygons.images, seen, strict=True)):
        for box in image.boxes:
            outline = [list(polygon) for polygon in box.shape.polygons_px]
            left, top, right, bottom = box.box_xyxy_px
            x, y = np.array(outline[0]).reshape(-1, 2).T
            area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
            annotations.append(
                {"image_id": number, "category_id": box.class_id, "iscrowd": 0, "segmentation": outline}
                | {"bbox": [left, top, right - left, bottom - top], "area": area}
            )
        for mask, score, class_id in zip(one.mask, one.score, one.class_id, strict=True):
            full = np.zeros((image.height_px, image.width_px), np.uint8, order="F")
            rows, columns = mask.bits.shape
            full[mask.top_px : mask.top_px + rows, mask.left_px : mask.left_px + columns] = mask.bits
            runs = tool.encode(full)
            row = {"image_id": number, "category_id": int(class_id), "segmentation": runs}
            results.append(row | {"score": round(float(score), 6)})
    stats = reference(annotations, polygons.images, polygons.names, results, "segm")
    figures = coco_figures(given, by="mask")
    ours = [figures.map50_95, figures.map50, figures.map75, *figures.by_size.values()]
    assert ours == pytest.approx(stats[:6].tolist(), abs=1e-4)
    assert 0.2 < figures.map50_95 < figures.map50 < 0.99
    stats = reference(annotations, polygons.images, polygons.names, results, "segm", by_boundary)
    boundary = coco_figures(given, by="boundary")
    ours = [boundary.map50_95, boundary.map50, boundary.map75, *boundary.by_size.values()]
    assert ours == pytest.approx(stats[:6].tolist(), abs=1e-4)
    assert 0.05 < boundary.map50_95 < figures.map50_95 - 0.02


def people(random, count=30):
    """Pictures of people as labels and as a model finds them: some without keypoints, one of a crowd."""
    images, seen = [], []
    for number in range(count):
        boxes, rows = [], []
        for person in range(4):
            left, top = random.uniform(0, 600, 2)
            width, height = random.uniform(20, 300, 2)
            points = np.stack([left + width * random.random(17), top + height * random.random(17)], axis=1)
            visible = random.integers(0, 3, 17) if person else np.zeros(17, int)
            shape = LabelledShape(
                keypoints=tuple((float(x), float(y), int(v)) for (x, y), v in zip(points, visible, strict=True)),
                area_px=width * height * 0.6,
            )
            box = (left, top, left + width, top + height)
            boxes.append(LabelledBox(0, box, ignore=person == 3 and number % 5 == 0, shape=shape))
            jitter = random.normal(0, random.choice([1, 10]), points.shape)
            rows.append((box, random.uniform(0.01, 1), points + jitter))
        images.append(LabelledImage(Path(f"{number}.jpg"), 1000, 1000, tuple(boxes)))
        keypoints = np.array([row[2] for row in rows], np.float32)
        seen.append(
            Detections(
                np.array([row[0] for row in rows], np.float32),
                np.array([row[1] for row in rows], np.float32).round(5),
                np.zeros(4, np.int32),
                keypoint_xy_px=keypoints,
                keypoint_score=np.ones(keypoints.shape[:2], np.float32),
            )
        )
    return Predictions(("person",), tuple(images), tuple(seen))


def test_keypoints_equal_pycocotools():
    pytest.importorskip("pycocotools")
    given = people(np.random.default_rng(3))
    annotations, results = [], []
    for number, (image, one) in enumerate(zip(given.images, given.found, strict=True)):
        for box in image.boxes:
            left, top, right, bottom = box.box_xyxy_px
            flat = [value for point in box.shape.keypoints for value in point]
            annotations.append(
                {"image_id": number, "category_id": 0, "iscrowd": int(box.ignore), "area": box.shape.area_px}
                | {"bbox": [left, top, right - left, bottom - top], "keypoints": flat}
                | {"num_keypoints": sum(v > 0 for v in flat[2::3])}
            )
        for points, score in zip(one.keypoint_xy_px, one.score, strict=True):
            flat = [float(value) for x, y in points for value in (x, y, 1)]
            results.append({"image_id": number, "category_id": 0, "keypoints": flat, "score": round(float(score), 6)})
    stats = reference(annotations, given.images, given.names, results, "keypoints")
    figures = coco_figures(given, by="keypoints", sigmas=SIGMAS)
    ours = [figures.map50_95, figures.map50, figures.map75, *figures.by_size.values()]
    assert ours == pytest.approx(stats[:5].tolist(), abs=1e-4)
    assert 0.1 < figures.map50_95 < figures.map50 < 0.99
    strict = coco_figures(given, by="keypoints", sigmas=[sigma / 3 for sigma in SIGMAS])
    assert strict.map50_95 < figures.map50_95


def turned(angle_rad, *, center=(500.0, 500.0), size=(200.0, 20.0)):
    corners = cv2.boxPoints((center, size, math.degrees(angle_rad)))
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    polygon = tuple(float(value) for value in corners.reshape(-1))
    return LabelledBox(0, (left, top, right, bottom), shape=LabelledShape((polygon,)))


def found_turned(angle_rad):
    box = turned(angle_rad)
    obb = np.array([[500, 500, 200, 20, angle_rad]], np.float32)
    return replace(found((0, 0.9, box.box_xyxy_px)), obb_cxcywhr_px=obb)


@pytest.mark.parametrize(("off_rad", "expected"), [(0.0, 1.0), (0.02, 0.8), (0.4, 0.0)])
def test_oriented_boxes_are_compared_by_their_own_overlap(off_rad, expected):
    image = replace(truth(), boxes=(turned(0.5),))
    given = predictions((image, found_turned(0.5 + off_rad)), names=("ship",))
    assert coco_figures(given, by="oriented").map50_95 == pytest.approx(expected, abs=0.11)
    assert coco_figures(given, by="box").map50 == 1.0  # the upright boxes overlap all the same


def test_an_oriented_box_is_the_smallest_around_its_corners():
    box = turned(0.5).shape.polygons_px
    assert sorted(oriented_box(box)[2:4]) == pytest.approx([20, 200], abs=0.1)


def test_objects_without_outline_count_neither_way():
    shape = LabelledShape(((100.0, 100.0, 200.0, 100.0, 200.0, 200.0, 100.0, 200.0),))
    image = replace(truth(), boxes=(LabelledBox(0, SQUARE, shape=shape), LabelledBox(0, (300.0, 300.0, 400.0, 400.0))))
    masks = np.empty(2, object)
    masks[:] = [BoxMask(100, 100, np.ones((100, 100), bool)), BoxMask(300, 300, np.ones((100, 100), bool))]
    seen = replace(found((0, 0.5, SQUARE), (0, 0.9, (300.0, 300.0, 400.0, 400.0))), mask=masks)
    figures = coco_figures(predictions((image, seen)), by="mask")
    assert figures.map50_95 == 1.0
    assert figures.per_class["car"].objects == 1


def test_a_model_without_masks_cannot_be_measured_by_them():
    shape = LabelledShape(((100.0, 100.0, 200.0, 100.0, 200.0, 200.0),))
    image = replace(truth(), boxes=(LabelledBox(0, SQUARE, shape=shape),))
    with pytest.raises(ConfigError, match="gives no mask"):
        coco_figures(predictions((image, found((0, 0.5, SQUARE)))), by="mask")


def test_run_lengths_of_coco_are_read(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 50, 3), np.uint8))
    entry = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 0, 10, 40], "area": 400, "iscrowd": 1}
    outlines = [{"size": [40, 50], "counts": [400, 400, 1200]}, [[10, 0, 20, 0, 20, 40, 10, 40]], [[1, 2]]]
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 50, "height": 40}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [entry | {"segmentation": outline} for outline in outlines],
    }
    (tmp_path / "instances.json").write_text(json.dumps(document))
    boxes = read_dataset(tmp_path, shapes=True).images[0].boxes
    assert boxes[0].shape.rle_counts == (400, 400, 1200)
    assert boxes[1].shape.polygons_px == ((10, 0, 20, 0, 20, 40, 10, 40),)
    assert boxes[2].shape is None
    assert all(box.shape is None for box in read_dataset(tmp_path).images[0].boxes)


def test_keypoints_of_yolo_are_read_by_their_shape(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((100, 200, 3), np.uint8))
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.4 0.5 0.25 2 0 0 0\n")
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [dog]\nkpt_shape: [2, 3]\n")
    (box,) = read_dataset(tmp_path, shapes=True).images[0].boxes
    assert box.box_xyxy_px == pytest.approx((80, 30, 120, 70))
    assert box.shape.keypoints == ((100, 25, 2), (0, 0, 0))
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [dog]\nkpt_shape: 17\n")
    with pytest.raises(ConfigError, match="kpt_shape"):
        read_dataset(tmp_path, shapes=True)


def test_formats_of_boxes_alone_are_refused(data_dir):
    with pytest.raises(ConfigError, match="boxes alone"):
        read_dataset(data_dir / "roadsigns", shapes=True)
