"""Identities and cost: our trackers beside those of other libraries, on the same detections, in one run.

    python -m venv peers
    peers/bin/pip install -e '.[train]' 'trackers>=2.6' norfair psutil
    peers/bin/python benchmarks/track_peers.py --data mot15 --data mot17_noisy --output runs/track-peers

Peers that are not installed are left out and named. Every library runs with its own defaults. Each tracker sees all
frames first, then a random half of them, then a random third; what is measured are the frames that it saw. Cost is the
median time of one update with so many objects, in turn for all trackers, on one core. Writes DIR/trackers.json and
DIR/trackers.md.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np

from pipelines.stages.tracking import TRACKERS, Tracker, create_tracker
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.evaluation.tracks.evaluate import evaluate, run_tracker
from streamvision.evaluation.tracks.mot_files import MotSequence, read_sequences

Create = Callable[[float], Tracker]
"""Makes a tracker for a source of so many frames per second."""
DROPS = (0.0, 0.5, 2 / 3)
SEEDS = (0, 1)
OBJECTS = (10, 50, 200, 1000)
SECONDS_PER_COST = 1.5
HOPELESS_US = 2e5
"""Who takes longer with a fifth of the objects is not asked about more: it would take minutes."""


class Peer:
    """A tracker of another library in our interface: rows (N, 6) left, top, right, bottom, identity, score."""

    low_score = 0.0

    def __init__(self, update: Callable[[Detections], np.ndarray]) -> None:  # type: ignore[type-arg]
        self._update = update

    def update(self, detections: Detections, *, pts_s: float, picture: Any = None) -> Detections:
        """Take the next frame."""
        rows = np.asarray(self._update(detections), np.float64).reshape(-1, 6)
        identity = rows[:, 4].astype(np.int64)
        box, score = rows[:, :4].astype(np.float32), rows[:, 5].astype(np.float32)
        return Detections(box, score, np.zeros(len(rows), np.int32), np.ma.MaskedArray(identity, mask=identity < 0))

    def reset(self) -> None:
        """Peers live for one sequence."""


def ours(name: str) -> Create:
    """Return how one of our own trackers is made."""

    def create(_fps: float) -> Tracker:
        tracker = create_tracker(TrackerConfig.model_validate({"name": name}), score=0.25)
        assert tracker is not None
        return tracker

    return create


def roboflow(name: str) -> Create:
    """Return how a tracker of Roboflow's ``trackers`` is made."""
    import supervision
    import trackers

    kind = getattr(trackers, name)

    def create(fps: float) -> Tracker:
        options = {"enable_cmc": False} if name in {"BoTSORTTracker", "McByteTracker"} else {}
        tracker = kind(frame_rate=fps, **options)

        def update(found: Detections) -> Any:
            given = supervision.Detections(found.box_xyxy_px, confidence=found.score, class_id=found.class_id)
            done = tracker.update(given)
            return np.column_stack([done.xyxy, done.tracker_id, done.confidence]) if len(done) else []

        return Peer(update)

    return create


def ultralytics(name: str) -> Create:
    """Return how a tracker of ultralytics is made."""
    from ultralytics.engine.results import Boxes
    from ultralytics.trackers import BOTSORT, BYTETracker
    from ultralytics.utils import YAML, IterableSimpleNamespace
    from ultralytics.utils.checks import check_yaml

    kind = {"botsort": BOTSORT, "bytetrack": BYTETracker}[name]

    def create(_fps: float) -> Tracker:
        settings = YAML.load(check_yaml(f"{name}.yaml")) | {"gmc_method": "none"}
        tracker = kind(args=IterableSimpleNamespace(**settings))
        blank = np.zeros((8, 8, 3), np.uint8)

        def update(found: Detections) -> Any:
            rows = np.column_stack([found.box_xyxy_px, found.score, found.class_id]).astype(np.float32)
            done = tracker.update(Boxes(rows, (8, 8)), blank)
            return done[:, :6] if len(done) else []

        return Peer(update)

    return create


def norfair() -> Create:
    """Return how a tracker of norfair is made; only objects that were found on the frame are reported."""
    import norfair as library

    def create(_fps: float) -> Tracker:
        tracker = library.Tracker(distance_function="iou", distance_threshold=0.7)

        def update(found: Detections) -> Any:
            given = [
                library.Detection(np.array([row[:2], row[2:]]), scores=np.array([score, score]))
                for row, score in zip(found.box_xyxy_px, found.score, strict=True)
            ]
            tracked = tracker.update(given)
            fresh = [one for one in tracked if any(one.last_detection is mine for mine in given)]
            return [[*one.estimate.ravel(), one.id, one.last_detection.scores[0]] for one in fresh]

        return Peer(update)

    return create


def contestants() -> tuple[dict[str, Create], list[str]]:
    """Return who takes part, and who is not installed."""
    taking_part = {f"StreamVision {name}": ours(name) for name in TRACKERS.names()}
    others: dict[str, Callable[[], Create]] = {
        **{
            f"Roboflow {name.removesuffix('Tracker')}": lambda name=name: roboflow(name)  # type: ignore[misc]
            for name in ("BoTSORTTracker", "ByteTrackTracker", "CBIoUTracker", "McByteTracker", "OCSORTTracker")
        },
        "ultralytics BoT-SORT": lambda: ultralytics("botsort"),
        "ultralytics ByteTrack": lambda: ultralytics("bytetrack"),
        "norfair": norfair,
    }
    missing = []
    for name, make in others.items():
        try:
            taking_part[name] = make()
        except (ImportError, AttributeError) as error:
            missing.append(f"{name} ({error})")
    return taking_part, missing


def quality(sequences: list[MotSequence], create: Create, drop: float) -> dict[str, float]:
    """Return the combined figures with a share of the frames dropped; mean over the seeds."""
    figures = []
    for seed in SEEDS if drop else (0,):
        kept = [one.without(np.random.default_rng(seed).random(one.frames) < drop) for one in sequences]
        results = {}
        for one in kept:
            result, _ = run_tracker([one], lambda fps=one.fps: create(fps))  # type: ignore[misc]
            results |= result
        figures.append(evaluate(kept, results).to_json()["combined"])
    return {name: round(float(np.mean([one[name] for one in figures])), 2) for name in figures[0]}


def cost_us(create: Create, objects: int) -> float:
    """Return the median microseconds of an update with so many moving objects."""
    rng = np.random.default_rng(0)
    corner, speed = rng.uniform(0, (7680, 4320), (objects, 2)), rng.normal(0, 60, (objects, 2))
    side = rng.uniform(40, 120, (objects, 2))
    tracker, spent = create(30.0), []
    end_s = time.perf_counter() + SECONDS_PER_COST
    for index in range(2000):
        jitter = rng.normal(0, 1.5, (objects, 4))
        box = np.hstack([corner, corner + side]) + np.tile(speed * index / 30, 2) + jitter
        score = rng.uniform(0.5, 1, objects).astype(np.float32)
        found = Detections(box.astype(np.float32), score, np.zeros(objects, np.int32))
        begin_s = time.perf_counter()
        tracker.update(found, pts_s=index / 30)
        if index >= 5:
            spent.append(time.perf_counter() - begin_s)
        if time.perf_counter() > end_s and len(spent) >= 5:
            break
    return round(1e6 * float(np.median(spent)), 1)


@click.command(help=__doc__)
@click.option("--data", "folders", type=Path, multiple=True, required=True, help="Folder of MOTChallenge sequences.")
@click.option("--output", type=Path, required=True, metavar="DIR")
@click.option("--rounds", default=3, show_default=True, help="Rounds of the cost measurement; medians are kept.")
def main(folders: tuple[Path, ...], output: Path, rounds: int) -> None:
    """Run everything and write the tables."""
    with suppress(AttributeError):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    taking_part, missing = contestants()
    report: dict[str, Any] = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "missing": missing,
        "quality": {},
        "cost_us": {name: {} for name in taking_part},
    }
    for folder in folders:
        sequences = read_sequences(folder)
        report["quality"][folder.name] = {
            name: {f"{drop:.2f}": quality(sequences, create, drop) for drop in DROPS}
            for name, create in _announced(taking_part, folder.name)
        }
    for objects in OBJECTS:
        times: dict[str, list[float]] = {name: [] for name in taking_part}
        for turn in range(rounds):
            for name, create in _announced(taking_part, f"{objects} objects, round {turn + 1}"):
                if report["cost_us"][name].get(str(objects // 5), 0.0) < HOPELESS_US:
                    times[name].append(cost_us(create, objects))
        for name, values in times.items():
            report["cost_us"][name][str(objects)] = float(np.median(values)) if values else None
    output.mkdir(parents=True, exist_ok=True)
    (output / "trackers.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (output / "trackers.md").write_text(markdown(report), encoding="utf-8")
    click.echo(markdown(report))


def _announced(taking_part: dict[str, Create], work: str) -> Any:
    for name, create in taking_part.items():
        print(f"{work}: {name}", file=sys.stderr)
        yield name, create


def markdown(report: dict[str, Any]) -> str:
    """Return the tables."""
    lines = [f"Measured on {report['date']} ({report['machine']}) by `benchmarks/track_peers.py`.", ""]
    for data, by_name in report["quality"].items():
        heads = ["HOTA", "IDF1", "MOTA", "IDSW", "half dropped: HOTA", "lost", "two of three: HOTA", "lost"]
        lines += [f"**{data}**", "", f"| tracker | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
        for name, by_drop in by_name.items():
            full, half, third = by_drop.values()
            cells = [f"{full[key]:.2f}" for key in ("HOTA", "IDF1", "MOTA")] + [f"{full['IDSW']:.0f}"]
            for thinned in (half, third):
                cells += [f"{thinned['HOTA']:.2f}", f"{full['HOTA'] - thinned['HOTA']:.2f}"]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    lines += [f"| microseconds a frame | {' | '.join(map(str, OBJECTS))} |", "|---|" + "---|" * len(OBJECTS)]
    for name, row in report["cost_us"].items():
        lines.append(f"| {name} | {' | '.join('-' if v is None else f'{v:.0f}' for v in row.values())} |")
    if report["missing"]:
        lines += ["", f"Not installed, and so not measured: {'; '.join(report['missing'])}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
