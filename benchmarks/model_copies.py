"""Is it the exchange of a model that changes identities, or what another network finds?

    python -m benchmarks.model_copies --frames 300 --exchanges 12

Two drawn drives go through the model that ships, as fast as they can and without a lost frame. The first run is without
an exchange; in the others a model takes over twelve times: a copy of itself, itself by another runtime, itself in other
sizes of input in turn. Two more runs keep to one of these sizes throughout. Of each run it is told on how many frames
its objects are not exactly those of the first run, and how many objects have another identity than on the frame
before: on the 15 frames from each exchange on, and on all. Ends with 1 where copies make any difference.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.model_changes import changed_identities, wait_until
from pipelines.engine import Pipeline
from streamvision.bench.usage import machine
from streamvision.core.config.app import parse_config
from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections

AROUND_FRAMES = 15
Frames = dict[str, list[list[dict[str, Any]]]]
"""The objects of each frame, by stream."""
Form = dict[str, Any]
FORMS: dict[str, list[Form]] = {
    "no exchange": [],
    "copies": [{}],
    "other runtime": [{"backend": "openvino"}, {"backend": "onnxruntime"}],
    "other sizes": [{"side_px": 416}, {"side_px": 512}, {}],
}
SIZES_PX = (416, 512)


def run(
    frames: int, exchanges: int, forms: Sequence[Form], first: Form, file: Path
) -> tuple[Frames, dict[str, list[int]]]:
    """Return what was found, and by stream the frames at which another model took over."""
    given = {"path": "road_signs", "threads": 1, "requests": 1}
    drive = f"synthetic:drive?fps=25&size=640x360&realtime=0&frames={frames}&seed="
    streams = [{"id": f"drive-{seed}", "source": drive + str(seed)} for seed in (1, 2)]
    document = {"model": given | first, "streams": streams, "outputs": {"detections": str(file)}}
    taken_over: dict[str, list[int]] = {str(one["id"]): [] for one in streams}
    with Pipeline(parse_config(document, origin="benchmark")) as pipeline:
        (group,) = pipeline.model_groups.open
        for number in range(exchanges if forms else 0):
            opened = group.open_beside(ModelConfig.model_validate(given | forms[number % len(forms)]))
            due = frames * (number + 1) // (exchanges + 1)
            wait_until(lambda due=due: pipeline.statuses()[0].frames_done >= due, "the frames before an exchange")
            for status in pipeline.statuses():
                taken_over[status.id].append(status.frames_done)
            group.exchange(opened, slowest_s=None, on_going_back=_fail)
            group.keep()
        while not pipeline.wait(1.0):
            time.sleep(0.1)
        if pipeline.failures():
            raise SystemExit("; ".join(pipeline.failures()))
    found: Frames = {name: [] for name in taken_over}
    for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        found[line["stream"]].append(line["objects"])
    return found, taken_over


def _fail(reason: str) -> None:
    raise SystemExit(f"a model was gone back from: {reason}")


def detections(objects: Sequence[dict[str, Any]]) -> Detections:
    """Return the objects of a frame as they were found."""
    boxes = np.array([one["box_xyxy_px"] for one in objects], np.float32).reshape(-1, 4)
    identities = [one["track_id"] for one in objects]
    track_id = np.ma.MaskedArray(
        np.array([one or 0 for one in identities], np.int64), mask=[one is None for one in identities]
    )
    classes = np.array([one["class_id"] for one in objects], np.int32)
    return Detections(boxes, np.ones(len(objects), np.float32), classes, track_id)


def told(found: Frames, taken_over: dict[str, list[int]], plain: Frames) -> dict[str, int]:
    """Return the figures of one run."""
    figures = dict.fromkeys(("frames", "frames_that_differ", "around", "changed_around", "objects", "changed"), 0)
    for name, rows in found.items():
        figures["frames"] += len(rows)
        figures["frames_that_differ"] += sum(one != other for one, other in zip(rows, plain[name], strict=True))
        for index in range(1, len(rows)):
            both, changed = changed_identities(detections(rows[index - 1]), detections(rows[index]))
            is_around = any(begin <= index < begin + AROUND_FRAMES for begin in taken_over[name])
            figures["objects"] += both
            figures["changed"] += changed
            figures["around"] += both * is_around
            figures["changed_around"] += changed * is_around
    return figures


@click.command()
@click.option("--frames", type=int, default=300, show_default=True, help="Of each of the two drives.")
@click.option("--exchanges", type=int, default=12, show_default=True)
@click.option("--output", type=Path, help="Write the figures there, as JSON.")
def main(frames: int, exchanges: int, output: Path | None) -> None:
    """Exchange a model for copies of itself and for others, and tell what that changes."""
    runs = [(name, forms, {}) for name, forms in FORMS.items()]
    runs += [(f"{side_px} px throughout", [], {"side_px": side_px}) for side_px in SIZES_PX]
    figures: dict[str, dict[str, int]] = {}
    plain: Frames = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, forms, first in runs:
            found, taken_over = run(frames, exchanges, forms, first, Path(folder) / f"{len(figures)}.jsonl")
            plain = plain or found
            figures[name] = told(found, taken_over, plain)
            click.echo(json.dumps({"run": name, **figures[name]}))
    if output is not None:
        output.write_text(json.dumps({"machine": machine(), "runs": figures}, indent=2) + "\n", encoding="utf-8")
    sys.exit(1 if figures["copies"]["frames_that_differ"] else 0)


if __name__ == "__main__":
    main()
