"""Networks that find the red box, each in the layout of another project's exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from streamvision.core.config.model import ModelConfig
from streamvision.inference.coco import COCO_NAMES
from streamvision.inference.model import Model
from support.red_box_networks import CELLS_OF_SIDE, CLASS_ID, SCORE, SIDE_PX, RedBox

IMAGENET_RED = ((1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225)
CELLS, ANCHORS = CELLS_OF_SIDE, 3 * CELLS_OF_SIDE
N = len(COCO_NAMES)


def yolo_v8(path: Path) -> Path:
    net = RedBox()
    rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
    return net.save(path, {"output0": (net.node("Transpose", rows, perm=[0, 2, 1]), [1, 4 + N, CELLS], "float32")})


def yolo_v8_rows(path: Path) -> Path:
    net = RedBox()
    rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
    return net.save(path, {"output0": (rows, [1, CELLS, 4 + N], "float32")})


def yolo_v6(path: Path) -> Path:
    net = RedBox()
    rows = net.row_of(CELLS, *net.centre(), net.times(net.found, 1.0), net.class_scores(N), at=30)
    return net.save(path, {"outputs": (rows, [1, CELLS, 5 + N], "float32")})


def yolox_decoded(path: Path) -> Path:
    net = RedBox((0, 0, 255), tolerance=90)
    rows = net.row_of(CELLS, *net.centre(), net.times(net.found, 1.0), net.class_scores(N), at=30)
    return net.save(path, {"output": (rows, [1, CELLS, 5 + N], "float32")})


def deepstream(path: Path) -> Path:
    net = RedBox()
    rows = net.row_of(CELLS, *net.corners(), net.score(), net.times(net.found, float(CLASS_ID)), at=30)
    return net.save(path, {"output": (rows, [1, CELLS, 6], "float32")})


def yolo_nas(path: Path) -> Path:
    net = RedBox()
    boxes, scores = net.row_of(CELLS, *net.corners(), at=3), net.row_of(CELLS, net.class_scores(N), at=3)
    return net.save(
        path, {"pred_bboxes": (boxes, [1, CELLS, 4], "float32"), "pred_scores": (scores, [1, CELLS, N], "float32")}
    )


def damo_yolo(path: Path) -> Path:
    net = RedBox((255, 0, 0), tolerance=90)
    boxes, scores = net.row_of(CELLS, *net.corners(), at=3), net.row_of(CELLS, net.class_scores(N), at=3)
    return net.save(path, {"output": (scores, [1, CELLS, N], "float32"), "953": (boxes, [1, CELLS, 4], "float32")})


def yolo_v4(path: Path) -> Path:
    net = RedBox(name="input")
    boxes = net.row_of(ANCHORS, *net.corners(unit=1 / SIDE_PX), at=3)
    boxes = net.node("Unsqueeze", boxes, net.const([2], np.int64))
    scores = net.row_of(ANCHORS, net.class_scores(N), at=3)
    return net.save(
        path, {"boxes": (boxes, [1, ANCHORS, 1, 4], "float32"), "confs": (scores, [1, ANCHORS, N], "float32")}
    )


def jetson_ssd(path: Path) -> Path:
    net = RedBox((1, -0.992, -0.992), tolerance=0.7, name="input_0")
    empty = np.eye(1, N + 1, dtype=np.float32)
    background = net.node("Sub", net.const(empty[:, :1]), net.score())
    scores = net.row_of(90, background, net.class_scores(N), at=3, fill=empty[0].tolist())
    boxes = net.row_of(90, *net.corners(unit=1 / SIDE_PX), at=3)
    return net.save(path, {"scores": (scores, [1, 90, N + 1], "float32"), "boxes": (boxes, [1, 90, 4], "float32")})


def num_dets(path: Path) -> Path:
    net = RedBox()
    ids = net.row_of(20, net.times(net.found, float(CLASS_ID)))
    outputs = {
        "num_dets": (net.times(net.found, 1.0), [1, 1], "int32"),
        "det_boxes": (net.row_of(20, *net.corners()), [1, 20, 4], "float32"),
        "det_scores": (net.node("Squeeze", net.row_of(20, net.score()), net.const([2], np.int64)), [1, 20], "float32"),
        "det_classes": (net.node("Squeeze", ids, net.const([2], np.int64)), [1, 20], "int32"),
    }
    return net.save(path, outputs)


def mmdeploy(path: Path) -> Path:
    red = ((0 - 103.53) / 57.375, (0 - 116.28) / 57.12, (255 - 123.675) / 58.395)
    net = RedBox(red, tolerance=1.2, name="input")
    labels = net.node("Squeeze", net.row_of(20, net.times(net.found, float(CLASS_ID))), net.const([2], np.int64))
    dets = net.row_of(20, *net.corners(), net.score())
    return net.save(path, {"dets": (dets, [1, 20, 5], "float32"), "labels": (labels, [1, 20], "int64")})


def detr_deploy(path: Path) -> Path:
    net = RedBox()
    size = net.node("Cast", "orig_target_sizes", to=1)
    boxes = net.row_of(30, net.node("Concat", *net.corners(unit=1 / SIDE_PX), axis=1))
    boxes = net.node("Mul", boxes, net.node("Concat", size, size, axis=1))
    one = net.const([2], np.int64)
    outputs = {
        "labels": (net.node("Squeeze", net.row_of(30, net.times(net.found, float(CLASS_ID))), one), [1, 30], "int64"),
        "boxes": (boxes, [1, 30, 4], "float32"),
        "scores": (net.node("Squeeze", net.row_of(30, net.score()), one), [1, 30], "float32"),
    }
    return net.save(path, outputs, companions={"orig_target_sizes": "int64"})


def rtdetr_hf(path: Path) -> Path:
    net = RedBox(name="pixel_values", side_px=640, free_axes=["batch", "channels", "height", "width"])
    nothing = net.const(np.full((1, N), -8, np.float32))
    logits = net.node("Add", net.class_scores(N, 8 + np.log(SCORE / (1 - SCORE))), nothing)
    return net.save(
        path,
        {
            "logits": (net.row_of(30, logits, fill=[-8.0] * N), ["batch", 30, N], "float32"),
            "pred_boxes": (net.row_of(30, *net.centre(unit=1 / 640)), ["batch", 30, 4], "float32"),
        },
    )


def pp_yoloe(path: Path) -> Path:
    net = RedBox(IMAGENET_RED, tolerance=1.2, name="image")
    row = net.node("Concat", net.times(net.found, float(CLASS_ID)), net.score(), *net.corners(), axis=1)
    number = net.node("Squeeze", net.found, net.const([1], np.int64))
    outputs = {"fetch_name_0": (row, ["n", 6], "float32"), "fetch_name_1": (number, [1], "int32")}
    beside = net.times("scale_factor", 1.0)
    outputs["unused"] = (beside, [1, 2], "float32")
    return net.save(path, outputs, companions={"scale_factor": "float32"})


def yolo_v7_end2end(path: Path) -> Path:
    net = RedBox()
    picture = net.times(net.found, 0.0)
    row = net.node("Concat", picture, *net.corners(), net.times(net.found, float(CLASS_ID)), net.score(), axis=1)
    count = net.node("Cast", net.node("Squeeze", net.found, net.const([1], np.int64)), to=7)
    rows = net.node("Slice", row, net.const([0], np.int64), count, net.const([0], np.int64))
    return net.save(path, {"output": (rows, ["n", 7], "float32")})


def torchvision(path: Path) -> Path:
    net = RedBox(batched=False, name="image")
    flat = net.const([1], np.int64)
    outputs = {
        "boxes": (net.node("Concat", *net.corners(), axis=1), ["n", 4], "float32"),
        "labels": (net.node("Squeeze", net.times(net.found, float(CLASS_ID + 1)), flat), ["n"], "int64"),
        "scores": (net.node("Squeeze", net.score(), flat), ["n"], "float32"),
    }
    return net.save(path, outputs)


def tf_detection(path: Path) -> Path:
    net = RedBox((255, 0, 0), tolerance=90, layout="nhwc", dtype="uint8", name="input_tensor")
    x1, y1, x2, y2 = net.corners(unit=1 / SIDE_PX)
    flat = net.const([2], np.int64)
    ids = net.row_of(20, net.times(net.found, float(CLASS_ID + 1)))
    outputs = {
        "detection_boxes": (net.row_of(20, y1, x1, y2, x2), [1, 20, 4], "float32"),
        "detection_classes": (net.node("Squeeze", ids, flat), [1, 20], "float32"),
        "detection_scores": (net.node("Squeeze", net.row_of(20, net.score()), flat), [1, 20], "float32"),
        "num_detections": (net.const([20.0]), [1], "float32"),
    }
    return net.save(path, outputs)


def yolo_v9_two(path: Path) -> Path:
    net = RedBox()
    rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
    own = net.node("Transpose", rows, perm=[0, 2, 1])
    shape = [1, 4 + N, CELLS]
    return net.save(path, {"output0": (net.times(own, 0.0), shape, "float32"), "output1": (own, shape, "float32")})


def ultralytics_of_free_axes(path: Path) -> Path:
    net = RedBox(free_axes=["batch_size", "num_channels", "height", "width"])
    rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
    out = net.node("Transpose", rows, perm=[0, 2, 1])
    metadata = {"stride": "32", "task": "detect", "imgsz": f"[{SIDE_PX}, {SIDE_PX}]", "names": str(list(COCO_NAMES))}
    return net.save(path, {"output0": (out, [1, 4 + N, CELLS], "float32")}, metadata=metadata)


def ultralytics_of_bytes(path: Path) -> Path:
    net = RedBox((255, 0, 0), tolerance=90, layout="nhwc", dtype="uint8")
    rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
    out = net.node("Transpose", rows, perm=[0, 2, 1])
    metadata = {"stride": "32", "task": "detect", "imgsz": f"[{SIDE_PX}, {SIDE_PX}]", "names": str(list(COCO_NAMES))}
    return net.save(path, {"output0": (out, [1, 4 + N, CELLS], "float32")}, metadata=metadata)


def ultralytics_with_nms(path: Path) -> Path:
    net = RedBox()
    rows = net.row_of(50, *net.corners(), net.score(), net.times(net.found, float(CLASS_ID)))
    metadata = {
        "stride": "32",
        "task": "detect",
        "imgsz": f"[{SIDE_PX}, {SIDE_PX}]",
        "names": str(list(COCO_NAMES)),
        "args": "{'batch': 1, 'data': PosixPath('/data/x.yaml'), 'nms': True, 'max_det': 50}",
    }
    return net.save(path, {"output0": (rows, [1, 50, 6], "float32")}, metadata=metadata)


def gray(path: Path) -> Path:
    net = RedBox((0.299,), tolerance=0.02)
    rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
    return net.save(path, {"output0": (net.node("Transpose", rows, perm=[0, 2, 1]), [1, 4 + N, CELLS], "float32")})


def gray_last(path: Path) -> Path:
    net = RedBox((0.299,), tolerance=0.02, layout="nhwc")
    rows = net.row_of(CELLS, *net.centre(), net.class_scores(N), at=30)
    return net.save(path, {"output0": (net.node("Transpose", rows, perm=[0, 2, 1]), [1, 4 + N, CELLS], "float32")})


Writer = Callable[[Path], Path]
COCO = ("coco",)
KNOWN: list[tuple[Writer, dict[str, object], str]] = [
    (yolo_v8, {}, "yolo_v8"),
    (yolo_v8_rows, {"head": "yolo_v8_rows"}, "yolo_v8_rows"),
    (yolo_v6, {"head": "yolo_v6"}, "yolo_v6"),
    (yolox_decoded, {"head": "yolox_decoded"}, "yolox_decoded"),
    (deepstream, {"head": "deepstream", "names": COCO}, "deepstream"),
    (yolo_nas, {}, "yolo_nas"),
    (damo_yolo, {"head": "damo_yolo"}, "damo_yolo"),
    (yolo_v4, {}, "yolo_v4"),
    (jetson_ssd, {}, "jetson_ssd"),
    (jetson_ssd, {"names": ("BACKGROUND", *COCO_NAMES)}, "jetson_ssd"),
    (num_dets, {"names": COCO}, "num_dets"),
    (mmdeploy, {"names": COCO}, "mmdeploy"),
    (detr_deploy, {"names": COCO}, "detr_deploy"),
    (rtdetr_hf, {}, "rtdetr_hf"),
    (rtdetr_hf, {"head": "detr", "names": COCO}, "detr"),
    (pp_yoloe, {"names": COCO}, "pp_yoloe"),
    (yolo_v7_end2end, {"names": COCO}, "yolo_v7_end2end"),
    (torchvision, {"names": COCO}, "torchvision"),
    (torchvision, {"names": ("__background__", *COCO_NAMES)}, "torchvision"),
    (tf_detection, {"names": COCO}, "tf_detection"),
    (yolo_v9_two, {}, "yolo_v9_two"),
    (ultralytics_of_free_axes, {}, "yolo_v8"),
    (ultralytics_of_bytes, {}, "yolo_v8"),
    (ultralytics_with_nms, {}, "yolo_end2end"),
    (gray, {}, "yolo_v8"),
    (gray_last, {}, "yolo_v8"),
]


def opened(path: Path, **settings: object) -> Model:
    """Return the model, which finds what it is at least 0.3 sure of."""
    return Model.open(ModelConfig(path=path, score=0.3, threads=1, requests=1, **settings))  # type: ignore[arg-type]
