"""This project's pipeline."""

import threading
import time
from pathlib import Path

from benchmarks.contenders.stopwatch import JPEG_QUALITY, NMS_IOU, SCORE, Stopwatch, task
from pipelines.engine import Pipeline
from streamvision.core.config.app import parse_config
from streamvision.core.live import LiveChannel


def main() -> None:
    """Run it to the last frame; a listener sees every frame that is published, drawn and encoded."""
    work = task()
    model = {"path": Path(work["model"]), "backend": work["backend"], "precision": work["precision"]}
    model |= {key: work[key] for key in ("requests", "threads", "tune") if key in work}
    document = {
        "model": model | {"score": SCORE, "iou": NMS_IOU},
        "streams": [{"source": work["video"]}] * work["streams"],
        "adaptive": {"mode": work["adaptive"]},
        "serve": {"jpeg_quality": JPEG_QUALITY},
        "max_frames": work["frames"],
    }
    pipeline = Pipeline(parse_config(document, origin="benchmark"))
    watch = Stopwatch(work["warmup"] * work["streams"])
    counting = threading.Lock()

    def note(channel: LiveChannel) -> None:
        newest = channel.latest
        if newest is not None:
            with counting:
                watch.frame(len(newest.result.detections), newest.jpeg())

    for channel in pipeline.view.channels.values():
        channel.add_viewer()
        channel.add_listener(note)
    with pipeline:
        while not pipeline.wait(0.05):
            time.sleep(0)
        if failures := pipeline.failures():
            raise SystemExit(failures[0])
        watch.report()


if __name__ == "__main__":
    main()
