"""The same video, model, precision and output for us and for others, in turn, round after round.

    python -m benchmarks.peers --video car-detection.mp4 --weights yolov8n.pt --fast-model tiny.onnx

Every contender reads the video (scaled to 1080p), detects with the same weights at 640, tracks with ByteTrack, draws,
and encodes every frame as JPEG of quality 80, in a process of its own. Ultralytics' exports come in its two forms: of
fixed size, which is its default and makes every picture a square, and dynamic, which both libraries feed with
rectangles. The precision is that of the runtime's default: fp32 in ONNX Runtime, and in OpenVINO bf16 on processors
that have it (which we leave off by default and which is asked for here); our own fp32 is listed beside it. So is
adaptive inference, which does not do the same work: the camera does not move, and the network is shown what changes.

With --fast-model, an ONNX detector so small that it costs next to nothing, the video is also run at its own size: what
then decides is everything but the network.

Besides the train extra it takes ``openvino``, ``supervision`` and ``trackers``. Roboflow's pipeline is measured where
--roboflow-python names a Python with ``inference``, ``supervision`` and ``trackers``. Contenders that cannot run are
left out and named.

Figures are medians over the rounds; ratios are taken round by round, and their median is given. Writes DIR/peers.json,
DIR/peers.md, and a chart of each table.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.materials import exported, input_side_px, video_1080p
from streamvision.bench.usage import Usage, machine
from streamvision.core.charts import Bar, bar_chart, save_svg

_REST = "ByteTrack, drawn, JPEG"
ROOT = Path(__file__).parent.parent
TIMEOUT_S = 900.0


@dataclass(frozen=True)
class Contender:
    """One way to do the work."""

    name: str
    """Who and how, in words."""
    module: str
    """Program in :mod:`benchmarks.contenders`."""
    model: str
    """Which of the exported files it is given."""
    backend: str = "auto"
    """Runtime; only ours is told."""
    precision: str = "auto"
    """Arithmetic; only ours is told."""
    adaptive: str = "full"
    """Which part of each frame the network is shown; only ours is told."""
    streams: int = 1
    """How many times the video is run at once; only ours is told."""
    workers: int = 1
    """How many processes share them; only ours is told."""
    python: str = sys.executable
    """The Python that runs it."""


def contenders(*, bf16: bool, roboflow: str | None) -> list[Contender]:
    """Return all contenders, in the order in which they take turns."""
    default = "bf16" if bf16 else "fp32"
    found = []
    for size, onnx, openvino in (("", "onnx", "openvino"), (", dynamic", "onnx_dynamic", "openvino_dynamic")):
        found += [
            Contender(f"StreamVision, ONNX Runtime{size}", "ours", onnx),
            Contender(f"ultralytics, ONNX Runtime{size}", "ultralytics_track", onnx),
            Contender(f"StreamVision, OpenVINO {default}{size}", "ours", openvino, "openvino", default),
            Contender(f"ultralytics, OpenVINO {default}{size}", "ultralytics_track", openvino),
        ]
        if bf16:
            found.append(Contender(f"StreamVision, OpenVINO fp32{size}", "ours", openvino, "openvino", "fp32"))
    by_parts = "openvino_dynamic", "openvino", default, "adaptive"
    found.append(Contender(f"StreamVision, OpenVINO {default}, adaptive", "ours", *by_parts))
    found.append(Contender("OpenCV + ONNX Runtime + supervision", "plain_loop", "onnx"))
    if roboflow:
        found.append(Contender("Roboflow inference + supervision", "roboflow_pipeline", "onnx", python=roboflow))
    return found


FAST_CONTENDERS = [
    Contender("StreamVision", "ours", "fast"),
    Contender("StreamVision, 8 streams", "ours", "fast", streams=8),
    Contender("StreamVision, 8 streams, 2 processes", "ours_processes", "fast", streams=8, workers=2),
    Contender("ultralytics", "ultralytics_track", "fast"),
    Contender("OpenCV + ONNX Runtime + supervision", "plain_loop", "fast"),
]
"""All contenders with a network that costs next to nothing, in ONNX Runtime."""


class ContenderError(RuntimeError):
    """A contender cannot run here."""


PAIRS = [
    ("StreamVision, OpenVINO {p}, dynamic", "ultralytics, OpenVINO {p}"),
    ("StreamVision, OpenVINO {p}, dynamic", "ultralytics, OpenVINO {p}, dynamic"),
    ("StreamVision, OpenVINO {p}", "ultralytics, OpenVINO {p}"),
    ("StreamVision, OpenVINO {p}, dynamic", "ultralytics, ONNX Runtime"),
    ("StreamVision, ONNX Runtime, dynamic", "ultralytics, ONNX Runtime"),
    ("StreamVision, ONNX Runtime, dynamic", "ultralytics, ONNX Runtime, dynamic"),
    ("StreamVision, ONNX Runtime", "ultralytics, ONNX Runtime"),
    ("StreamVision, ONNX Runtime, dynamic", "OpenCV + ONNX Runtime + supervision"),
    ("StreamVision, ONNX Runtime, dynamic", "Roboflow inference + supervision"),
    ("StreamVision, OpenVINO {p}, adaptive", "ultralytics, OpenVINO {p}"),
    ("StreamVision", "OpenCV + ONNX Runtime + supervision"),
    ("StreamVision, 8 streams", "OpenCV + ONNX Runtime + supervision"),
    ("StreamVision, 8 streams, 2 processes", "OpenCV + ONNX Runtime + supervision"),
    ("StreamVision", "ultralytics"),
]
"""Whose rates are divided."""


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--fast-model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.onnx",
    help="YOLOv8 detector with a small square input, for a second table.",
)
@click.option("--output", default=Path("runs/peers"), show_default=True, type=Path, metavar="DIR")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 50))
@click.option("--frames", default=300, show_default=True, type=click.IntRange(20, 600), help="Frames a run.")
@click.option("--warmup", default=30, show_default=True, type=click.IntRange(1, 300), help="Of which not measured.")
@click.option("--only", multiple=True, metavar="TEXT", help="Only contenders with this in their name.")
@click.option("--roboflow-python", metavar="PYTHON", help="Python of an environment with Roboflow's inference.")
def peers(
    video: Path,
    weights: Path | None,
    fast_model: Path | None,
    output: Path,
    rounds: int,
    frames: int,
    warmup: int,
    only: tuple[str, ...],
    roboflow_python: str | None,
) -> None:
    """Run all contenders in turn and write down what came out."""
    if weights is None and fast_model is None:
        raise click.UsageError("nothing to measure was given; give --weights, --fast-model, or both")
    work = {"frames": frames, "warmup": warmup}
    parts: dict[str, dict[str, Any]] = {}
    if weights is not None:
        models = {
            f"{format}{'_dynamic' * dynamic}": str(exported(weights, format=format, dynamic=dynamic))
            for format in ("onnx", "openvino")
            for dynamic in (False, True)
        }
        bf16 = _computes_in_bf16(models["openvino"])
        parts["real"] = measure(
            _chosen(contenders(bf16=bf16, roboflow=roboflow_python), only),
            work | {"video": str(video_1080p(video)), "side_px": 640},
            models=models,
            rounds=rounds,
            precision="bf16" if bf16 else "fp32",
        )
        parts["real"]["work"] = f"{video.name} at 1080p, {frames} frames, {weights.stem} at 640, {_REST}"
    if fast_model is not None:
        side_px = input_side_px(fast_model)
        parts["fast"] = measure(
            _chosen(FAST_CONTENDERS, only),
            work | {"video": str(video), "side_px": side_px},
            models={"fast": str(fast_model)},
            rounds=rounds,
            precision="fp32",
        )
        parts["fast"]["work"] = f"{video.name}, {frames} frames a stream, {fast_model.stem} at {side_px}, {_REST}"
    # The table of real networks stands at the top of the document, as it did before there was a second one.
    document = parts.get("real", {}) | ({"fast_network": parts["fast"]} if "fast" in parts else {})
    text = "\n".join(markdown(part) for part in parts.values())
    output.mkdir(parents=True, exist_ok=True)
    (output / "peers.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (output / "peers.md").write_text(text, encoding="utf-8")
    for name, part in parts.items():
        save_svg(chart(part), output / {"real": "peers.svg", "fast": "peers-fast.svg"}[name])
    click.echo(text)


def measure(
    chosen: Sequence[Contender], work: dict[str, Any], *, models: dict[str, str], rounds: int, precision: str
) -> dict[str, Any]:
    """Run the contenders in turn, round after round, and return what came out."""
    runs: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in chosen}
    left_out: dict[str, str] = {}
    before, children_s = Usage.now(), _children_s()
    for number in range(rounds):
        for contender in chosen:
            if contender.name in left_out:
                continue
            try:
                figures = run(contender, work | {"model": models[contender.model]})
            except ContenderError as error:
                left_out[contender.name] = str(error)
                click.echo(f"left out: {contender.name}: {error}", err=True)
                continue
            runs[contender.name].append(figures)
            click.echo(f"{number + 1}/{rounds}  {figures['fps']:6.1f} fps  {contender.name}", err=True)
    after = Usage.now()
    others = after.others_percent_since(before)
    own = 100 * (_children_s() - children_s) / (after.at_s - before.at_s)
    ran = [contender for contender in chosen if contender.name not in left_out]
    runs = {contender.name: runs[contender.name] for contender in ran}
    rows = [asdict(contender) | summary(runs[contender.name]) for contender in ran]
    for row in rows:
        del row["python"]  # paths of this machine say nothing to others
    return {
        "machine": machine(),
        "rounds": rounds,
        "others_cpu_percent": None if others is None else round(max(others - own, 0.0), 1),
        "contenders": rows,
        "left_out": left_out,
        "ratios": ratios(runs, precision=precision),
    }


def _chosen(all_of_them: Sequence[Contender], only: tuple[str, ...]) -> list[Contender]:
    return [one for one in all_of_them if not only or any(text in one.name for text in only)]


def run(contender: Contender, work: dict[str, Any]) -> dict[str, float]:
    """Run a contender once, in a process of its own.

    Raises:
        ContenderError: when it fails; with the end of what it said.
    """
    keys = ("backend", "precision", "adaptive", "streams", "workers")
    task = json.dumps(work | {key: getattr(contender, key) for key in keys})
    command = [contender.python, "-m", f"benchmarks.contenders.{contender.module}", task]
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=said, text=True, timeout=TIMEOUT_S, check=False
        )
        said.seek(0)
        if done.returncode != 0 or not done.stdout.strip():
            lines = said.read().strip().splitlines()
            raise ContenderError(lines[-1] if lines else f"exit code {done.returncode}")
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def summary(runs: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return the median of each figure, and the slowest and fastest round."""
    found: dict[str, Any] = {key: round(median(one[key] for one in runs), 3) for key in runs[0]}
    return found | {"fps_min": round(min(r["fps"] for r in runs), 2), "fps_max": round(max(r["fps"] for r in runs), 2)}


def ratios(runs: dict[str, list[dict[str, float]]], *, precision: str) -> list[dict[str, Any]]:
    """Return how many times as fast the first of each pair is, and how much less processor time it takes a frame."""
    found = []
    for pair in PAIRS:
        ours, theirs = (name.format(p=precision) for name in pair)
        if ours in runs and theirs in runs:
            rounds = list(zip(runs[ours], runs[theirs], strict=True))
            fps = [one["fps"] / other["fps"] for one, other in rounds]
            cpu = [other["cpu_ms"] / one["cpu_ms"] for one, other in rounds]
            found.append({"ours": ours, "theirs": theirs, "fps": round(median(fps), 2), "cpu": round(median(cpu), 2)})
    return found


def markdown(document: dict[str, Any]) -> str:
    """Return the tables, with machine and date."""
    about = document["machine"]
    others = document["others_cpu_percent"]
    rows = sorted(document["contenders"], key=lambda one: -one["fps"])
    lines = [
        f"{document['work']}; medians of {document['rounds']} rounds in turn. {about['cpu']}, {about['cores']} cores, "
        f"{about['system']}, {about['date']}"
        + (f"; other processes used {others:.0f} % of a core." if others is not None else "."),
        "",
        "| | fps | slowest to fastest round | CPU ms a frame | peak memory, MB | objects a frame |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['name']} | {row['fps']:.1f} | {row['fps_min']:.1f} to {row['fps_max']:.1f} | {row['cpu_ms']:.1f} | "
        f"{row['rss_mb']:.0f} | {_objects(row)} |"
        for row in rows
    ]
    lines += ["", "| | over | times the fps | times less CPU a frame |", "|---|---|---:|---:|"]
    lines += [f"| {r['ours']} | {r['theirs']} | {r['fps']:.2f} | {r['cpu']:.2f} |" for r in document["ratios"]]
    lines += [f"\nLeft out: {name} ({reason})." for name, reason in document["left_out"].items()]
    return "\n".join(lines) + "\n"


def _objects(row: dict[str, Any]) -> str:
    return f"{row['objects']:.2f}" if "objects" in row else "not counted"


def chart(document: dict[str, Any]) -> str:
    """Return the rates as bars."""
    about = document["machine"]
    bars = [
        Bar(row["name"], row["fps"], note=f"{row['fps']:.1f} fps", strong=row["module"].startswith("ours"))
        for row in sorted(document["contenders"], key=lambda one: -one["fps"])
    ]
    subtitle = f"{document['work']}. {about['cpu']}, {about['cores']} cores, {about['date']}"
    return bar_chart("Frames a second", subtitle, bars, unit="fps")


def _computes_in_bf16(model: str) -> bool:
    """Say whether OpenVINO's own default precision on this machine is bf16."""
    import openvino

    compiled = openvino.Core().compile_model(next(Path(model).glob("*.xml")), "CPU")
    return bool(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "bf16")


def _children_s() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    peers()
