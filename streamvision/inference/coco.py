"""The 80 object classes of COCO 2014/2017 in the order of their category ids (Lin et al., arXiv:1405.0312)."""

from __future__ import annotations

# fmt: off
COCO_NAMES: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis",
    "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
    "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed",
    "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven",
    "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier",
    "toothbrush",
)
# fmt: on
"""Class names by class id, 0 to 79: COCO's category ids without their gaps."""

COCO_CATEGORIES: tuple[int, ...] = tuple(
    number for number in range(1, 91) if number not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
)
"""COCO's category id, 1 to 90, of each class id: what networks of the DETR kind number their columns by."""

COCO_BY_NUMBER: tuple[str, ...] = tuple(
    COCO_NAMES[COCO_CATEGORIES.index(number)] if number in COCO_CATEGORIES else f"class {number}"
    for number in range(1, COCO_CATEGORIES[-1] + 1)
)
"""Class names by category id less 1, unused ids included: what TensorFlow's and torchvision's detectors count by."""

COCO_KEYPOINTS: tuple[str, ...] = (
    "nose",
    "left eye",
    "right eye",
    "left ear",
    "right ear",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
    "left hip",
    "right hip",
    "left knee",
    "right knee",
    "left ankle",
    "right ankle",
)
"""The 17 keypoints of a person, in COCO's order."""

# fmt: off
COCO_SKELETON: tuple[tuple[int, int], ...] = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9), (8, 10),
    (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)
# fmt: on
"""Pairs of those keypoints that COCO draws a line between, counted from 0."""

COCO_SIGMAS: tuple[float, ...] = (
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
    *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
"""Spread of each keypoint in object keypoint similarity (https://cocodataset.org/#keypoints-eval)."""
