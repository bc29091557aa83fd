"""What adaptive inference saves on a camera that does not move, and what it costs in tracking.

    python -m benchmarks.adaptive --video car-detection.mp4 --model yolo.onnx --empty 5 26

Every frame is decoded, tracked, drawn and encoded in each of the two modes, in turn, for several rounds; the median of
the processor time counts. The tracking of both is measured against the same truth, which no network made: what differs
from the empty scene (benchmarks/still_truth.py). One JSON document on stdout.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.still_truth import still_truth
from pipelines.engine import Pipeline
from streamvision.bench.usage import machine
from streamvision.core.config.app import parse_config
from streamvision.evaluation.tracks.evaluate import evaluate, read_results
from streamvision.evaluation.tracks.mot_files import MotSequence

MODES = ("full", "adaptive")
TIMEOUT_S = 3600.0


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--backend", default="auto", show_default=True)
@click.option("--precision", default="auto", show_default=True)
@click.option("--class", "classes", multiple=True, metavar="NAME", help="Classes that count; default: all.")
@click.option("--empty", nargs=2, type=int, default=(5, 26), show_default=True, help="Frames without any object.")
@click.option("--rounds", default=3, show_default=True)
def effort(
    video: Path,
    model: Path,
    backend: str,
    precision: str,
    classes: tuple[str, ...],
    empty: tuple[int, int],
    rounds: int,
) -> None:
    """Run both modes in turn and tell what came out."""
    truth = still_truth(video, empty=empty)
    network = {"path": str(model), "backend": backend, "precision": precision, "classes": list(classes) or None}
    runs: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    for number in range(rounds):
        for mode in MODES:
            runs[mode].append(run(video, network, {"adaptive": {"mode": mode}}, truth, watched=True))
            click.echo(f"round {number + 1}, {mode}: {runs[mode][-1]['cpu_ms']:.2f} ms a frame", err=True)
    modes = {mode: {**found[0], "cpu_ms": _median(found, "cpu_ms")} for mode, found in runs.items()}
    full, adaptive = modes["full"], modes["adaptive"]
    document = {
        "machine": machine(),
        "video": video.name,
        "objects": len(set(truth.truth[:, 1])),
        "modes": modes,
        "cpu_share": round(adaptive["cpu_ms"] / full["cpu_ms"], 3),
        "lost": {name: round(full["track"][name] - adaptive["track"][name], 2) for name in ("HOTA", "MOTA", "IDF1")},
    }
    click.echo(json.dumps(document, indent=1))


def run(
    video: Path, network: dict[str, Any], more: dict[str, Any], truth: MotSequence, *, watched: bool
) -> dict[str, Any]:
    """Run the whole video once and return processor time, inference plans and tracking.

    Args:
        video: the video.
        network: section ``model``.
        more: further sections.
        truth: what is to be found.
        watched: draw and encode every frame, as if somebody watched.

    Raises:
        ClickException: when the run fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        document = {
            "model": network,
            "streams": [{"source": str(video)}],
            "outputs": {"mot": f"{folder}/{truth.name}.txt"},
        }
        pipeline = Pipeline(parse_config(document | more, origin="benchmark"))
        for channel in pipeline.view.channels.values() if watched else ():
            channel.add_viewer()
        begin_s = time.process_time()
        with pipeline:
            finished = pipeline.wait(TIMEOUT_S)
        cpu_s = time.process_time() - begin_s
        if failures := pipeline.failures() or ([] if finished else ["the run took too long"]):
            raise click.ClickException(failures[0])
        (status,) = pipeline.statuses()
        track = evaluate([truth], read_results(Path(folder), [truth])).to_json()["combined"]
    return {
        "cpu_ms": round(1e3 * cpu_s / status.frames_done, 3),
        "frames": status.frames_done,
        "adaptive": status.to_json()["adaptive"],
        "track": {name: round(value, 2) for name, value in track.items()},
    }


def _median(found: list[dict[str, Any]], key: str) -> float:
    return statistics.median(one[key] for one in found)


if __name__ == "__main__":
    effort()
