"""The usual loop of tutorials: OpenCV reads, ONNX Runtime detects, trackers and supervision do the rest."""

import warnings

import cv2
import supervision
from trackers import ByteTrackTracker

from benchmarks.contenders.plain_detector import PlainDetector
from benchmarks.contenders.stopwatch import JPEG_QUALITY, NMS_IOU, SCORE, Stopwatch, task


def main() -> None:
    """Run it over the video."""
    warnings.simplefilter("ignore")
    work = task()
    detector = PlainDetector(work["model"], score=SCORE, iou=NMS_IOU)
    tracker = ByteTrackTracker()
    boxes, labels = supervision.BoxAnnotator(), supervision.LabelAnnotator()
    capture = cv2.VideoCapture(work["video"])
    watch = Stopwatch(work["warmup"])
    while watch.frames < work["frames"]:
        read, bgr = capture.read()
        if not read:
            break
        xyxy, scores, class_ids = detector.detect(bgr)
        found = supervision.Detections(xyxy=xyxy, confidence=scores, class_id=class_ids)
        found = tracker.update(found)
        texts = [f"{class_id} #{identity}" for class_id, identity in zip(found.class_id, found.tracker_id, strict=True)]
        drawn = labels.annotate(boxes.annotate(bgr, found), found, labels=texts)
        _, jpeg = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        watch.frame(len(found), jpeg)
    watch.report()


if __name__ == "__main__":
    main()
