"""ultralytics as its documentation shows it: ``track(stream=True)``, ``plot()``, and a JPEG of that."""

import cv2

from benchmarks.contenders.stopwatch import JPEG_QUALITY, NMS_IOU, SCORE, Stopwatch, task
from streamvision.checkpoints.torch_runtime import import_ultralytics


def main() -> None:
    """Run it over the video, with ByteTrack, as the others do."""
    work = task()
    model = import_ultralytics().YOLO(work["model"], task="detect")
    results = model.track(
        work["video"], stream=True, tracker="bytetrack.yaml", conf=SCORE, iou=NMS_IOU, imgsz=work["side_px"],
        device="cpu", verbose=False,
    )  # fmt: skip
    watch = Stopwatch(work["warmup"])
    for result in results:
        _, jpeg = cv2.imencode(".jpg", result.plot(), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        watch.frame(len(result.boxes), jpeg)
        if watch.frames >= work["frames"]:
            break
    watch.report()


if __name__ == "__main__":
    main()
