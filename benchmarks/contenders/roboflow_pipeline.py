"""Roboflow ``inference``: its InferencePipeline reads and hands over the frames; detection is the plain ONNX one.

Its own models need an account; ``init_with_custom_logic`` is its documented way without one. Nothing of the project is
imported: it lives in an environment of its own.
"""

import sys
import warnings

# Its environment has a package with the name of this project; what is installed there comes first.
sys.path.append(sys.path.pop(0))

import cv2
import supervision
from inference import InferencePipeline
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
    watch = Stopwatch(work["warmup"])

    def detect(frames):
        return [detector.detect(frame.image) for frame in frames]

    def show(results, frame):
        xyxy, scores, class_ids = results
        found = supervision.Detections(xyxy=xyxy, confidence=scores, class_id=class_ids)
        found = tracker.update(found)
        texts = [f"{class_id} #{identity}" for class_id, identity in zip(found.class_id, found.tracker_id, strict=True)]
        drawn = labels.annotate(boxes.annotate(frame.image.copy(), found), found, labels=texts)
        _, jpeg = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        watch.frame(len(found), jpeg)
        if watch.frames >= work["frames"]:
            watch.report()

    pipeline = InferencePipeline.init_with_custom_logic(
        video_reference=work["video"], on_video_frame=detect, on_prediction=show
    )
    pipeline.start()
    pipeline.join()
    watch.report()


if __name__ == "__main__":
    main()
