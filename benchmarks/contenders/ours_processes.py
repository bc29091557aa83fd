"""This project's pipeline with its streams shared out over worker processes, as ``bench pipeline`` measures it."""

import json
import sys

from benchmarks.contenders.stopwatch import JPEG_QUALITY, NMS_IOU, SCORE, task
from streamvision.bench.pipeline import bench_pipeline
from streamvision.core.config.app import parse_config

SECONDS = 6.0


def main() -> None:
    """Run it for some seconds; every frame is drawn and encoded, and its file crosses as it does for a page."""
    work = task()
    document = {
        "model": {"path": work["model"], "backend": work["backend"], "precision": work["precision"]}
        | {"score": SCORE, "iou": NMS_IOU},
        "streams": [{"source": work["video"], "loop": True}] * work["streams"],
        "serve": {"jpeg_quality": JPEG_QUALITY},
        "workers": work["workers"],
    }
    config = parse_config(document, origin="benchmark")
    found = bench_pipeline(config, seconds=SECONDS, warmup_s=1.0, costs_s=0.1)
    figures = {"fps": found.fps, "cpu_ms": found.frame_cpu_ms, "rss_mb": found.rss_mb}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
