"""One clip cut into two cameras: does an object keep its identity from one to the other?

    python -m benchmarks.across_cameras --people one-by-one-person-detection.mp4 --cars car-detection.mp4 \\
        --detector yolox_nano.onnx --embedder looks.onnx --cache cameras

The second camera has another scale, colours and brightness, is encoded anew, and is late by some seconds. Each is
detected and tracked by itself, once; the stage ``across_cameras`` then runs over both, as it does in a run, for each
shift and threshold. IDF1 counts the frames of both cameras with the global identities, against the identities of the
uncut clip. The threshold is chosen on one clip and reported on the other. One JSON document on stdout.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import numpy as np

from benchmarks.cut_cameras import CUTS, Cameras, Clip, make_cameras
from benchmarks.cut_cameras_replay import BASELINES, ideal_idf1, idf1

SHIFTS_S = (0.0, 5.0, 20.0, 60.0)
THRESHOLDS = tuple(np.round(np.arange(0.2, 0.71, 0.05), 2).tolist())
VEHICLES = "car,truck,bus,train,cell phone,suitcase,airplane,parking meter,cup,toilet,bottle,kite,remote,boat"
"""What a detector of everyday things calls a car that it sees from above."""


@click.command(help=__doc__)
@click.option("--people", type=click.Path(path_type=Path), required=True, help="one-by-one-person-detection.mp4")
@click.option("--cars", type=click.Path(path_type=Path), required=True, help="car-detection.mp4")
@click.option("--detector", type=click.Path(path_type=Path), required=True)
@click.option("--embedder", type=click.Path(path_type=Path), required=True)
@click.option(
    "--cache", type=click.Path(path_type=Path), required=True, help="Folder for the cameras' films and tracks."
)
def main(people: Path, cars: Path, detector: Path, embedder: Path, cache: Path) -> None:
    """Run and report."""
    clips = (
        Clip(people, classes=("person",), score=0.25, axis=1),
        Clip(cars, classes=tuple(VEHICLES.split(",")), score=0.1, axis=0),
    )
    report: dict[str, object] = {"shifts_s": SHIFTS_S, "embedder": embedder.name, "detector": detector.name}
    for cut in CUTS:
        made = [make_cameras(clip, cut, detector=detector, embedder=embedder, cache=cache) for clip in clips]
        tables = [measured(cameras) for cameras in made]
        report[cut] = {
            clip.video.stem: {
                "identities": cameras.identities,
                "ideal": spread([ideal_idf1(cameras)]),
                **{
                    name: spread([idf1(cameras, shift_s, **BASELINES[name]) for shift_s in SHIFTS_S])
                    for name in BASELINES
                },
                "threshold_of_the_other_clip": (chosen := best(other)),
                "appearance": spread(table[chosen]),
                "by_threshold": {str(one): spread(values) for one, values in table.items()},
            }
            for clip, cameras, table, other in zip(clips, made, tables, reversed(tables), strict=True)
        }
        print(json.dumps(report[cut], indent=1), file=sys.stderr)
    click.echo(json.dumps(report))


def measured(cameras: Cameras) -> dict[float, list[float]]:
    """Return IDF1 in percent for each threshold, one value a shift."""
    return {one: [idf1(cameras, shift_s, similarity=one) for shift_s in SHIFTS_S] for one in THRESHOLDS}


def best(table: dict[float, list[float]]) -> float:
    """Return the threshold with the highest mean; of several equal ones their middle."""
    means = {one: float(np.mean(values)) for one, values in table.items()}
    highest = [one for one, mean in means.items() if mean >= max(means.values()) - 0.05]
    return highest[len(highest) // 2]


def spread(values: list[float]) -> dict[str, float]:
    """Return mean, least and most."""
    return {"mean": round(float(np.mean(values)), 1), "min": round(min(values), 1), "max": round(max(values), 1)}


if __name__ == "__main__":
    main()
