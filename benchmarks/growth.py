"""What happens as streams and viewers grow: rate, age, drops, memory and processor time for 1 to 32 and 1 to 500.

    python -m benchmarks.growth --video car-detection.mp4 --model yolo.onnx --output runs/growth

Streams are the video at its own speed, as cameras would send it, each decoded, detected, tracked, drawn and encoded.
The curve is near linear until the machine is full; from then on, what counts is that the age stays bounded and that
drops are even: one column is the slowest stream's rate over the fastest's. Every point is a process of its own. Writes
DIR/growth.json, DIR/growth.md, DIR/streams.svg and DIR/viewers.svg.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from streamvision.bench.usage import machine
from streamvision.core.charts import Panel, panel_chart, save_svg

STREAMS = (1, 2, 4, 8, 16, 32)
VIEWERS = (1, 10, 50, 100, 200, 300, 400, 500)
GRACE_S = 300.0


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--backend", default="auto", show_default=True)
@click.option("--precision", default="auto", show_default=True)
@click.option("--output", default=Path("runs/growth"), show_default=True, type=Path, metavar="DIR")
@click.option("--streams", multiple=True, type=int, default=STREAMS, show_default=True)
@click.option("--viewers", multiple=True, type=int, default=VIEWERS, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="How long each point is measured.")
def growth(
    video: Path,
    model: Path,
    backend: str,
    precision: str,
    output: Path,
    streams: tuple[int, ...],
    viewers: tuple[int, ...],
    seconds: float,
) -> None:
    """Measure every point and write down what came out."""
    how = ["--source", str(video), "--model", str(model), "--backend", backend, "--precision", precision, "--live"]
    by_streams, by_viewers = {}, {}
    for count in streams:
        by_streams[count] = bench("pipeline", *how, "--streams", str(count), seconds=seconds)
        click.echo(f"{count} streams: {by_streams[count]['fps']:.1f} fps", err=True)
    for count in viewers:
        by_viewers[count] = bench("viewers", "--viewers", str(count), seconds=seconds)
        click.echo(f"{count} viewers: {by_viewers[count]['full_rate']} at full rate", err=True)
    document = {"machine": machine(), "seconds": seconds, "streams": by_streams, "viewers": by_viewers}
    output.mkdir(parents=True, exist_ok=True)
    (output / "growth.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (output / "growth.md").write_text(markdown(document), encoding="utf-8")
    about = f"{document['machine']['cpu']}, {document['machine']['cores']} cores, {document['machine']['date']}"
    if by_streams:
        save_svg(streams_chart(by_streams, about), output / "streams.svg")
    if by_viewers:
        save_svg(viewers_chart(by_viewers, about), output / "viewers.svg")
    click.echo(markdown(document))


def bench(*arguments: str, seconds: float) -> dict[str, Any]:
    """Run one ``streamvision bench`` and return its document.

    Raises:
        ClickException: when it fails; with the end of what it said.
    """
    command = [sys.executable, "-m", "streamvision", "bench", *arguments, "--seconds", str(seconds), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False)
    if done.returncode != 0:
        raise click.ClickException(f"{' '.join(arguments)} failed:\n{done.stderr[-1500:]}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def evenness(found: dict[str, Any]) -> float:
    """Return the slowest stream's rate over the fastest's."""
    rates = [stream["fps"] for stream in found["streams"]]
    return min(rates) / max(rates) if max(rates) else 0.0


def markdown(document: dict[str, Any]) -> str:
    """Return both tables, with machine and date."""
    about = document["machine"]
    lines = [f"{about['cpu']}, {about['cores']} cores, {about['date']}; {document['seconds']:.0f} s a point.", ""]
    lines += [
        "| streams | offered fps | fps | age p50 | age p99 | slowest / fastest | CPU | memory, MB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {count} | {one['offered_fps']:.0f} | {one['fps']:.1f} | {1e3 * one['age_s']['p50']:.0f} ms | "
        f"{1e3 * one['age_s']['p99']:.0f} ms | {evenness(one):.2f} | {one['cpu_percent']:.0f} % | {one['rss_mb']:.0f} |"
        for count, one in document["streams"].items()
    ]
    lines += [
        "",
        "| viewers | at full rate | slowest, fps | sent after, p99 | CPU | memory, MB |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {count} | {one['full_rate']} | {one['fps']['min']:.1f} of {one['published_fps']:.1f} | "
        f"{1e3 * one['sent_age_s']['p99']:.0f} ms | {one['cpu_percent']:.0f} % | {one['rss_mb']:.0f} |"
        for count, one in document["viewers"].items()
    ]
    return "\n".join(lines) + "\n"


def streams_chart(found: dict[int, dict[str, Any]], about: str) -> str:
    """Return rate, age and memory over the number of streams."""
    counts, points = list(found), list(found.values())
    panels = [
        Panel(
            "frames a second, all streams",
            counts,
            {"offered": [p["offered_fps"] for p in points], "done": [p["fps"] for p in points]},
        ),
        Panel(
            "age, ms",
            counts,
            {name: [1e3 * p["age_s"][name] for p in points] for name in ("p50", "p99")},
        ),
        Panel("memory, MB", counts, {"RSS": [p["rss_mb"] for p in points]}),
    ]
    return panel_chart("More and more streams", f"{points[0]['model']}; {about}", panels, x_label="streams")


def viewers_chart(found: dict[int, dict[str, Any]], about: str) -> str:
    """Return rate, processor time and memory over the number of viewers."""
    counts, points = list(found), list(found.values())
    panels = [
        Panel(
            "frames a second of a viewer",
            counts,
            {"published": [p["published_fps"] for p in points], "slowest": [p["fps"]["min"] for p in points]},
        ),
        Panel("CPU, % of a core", counts, {"server": [p["cpu_percent"] for p in points]}),
        Panel("memory, MB", counts, {"RSS": [p["rss_mb"] for p in points]}),
    ]
    return panel_chart("More and more viewers", f"640x360 at 25 fps; {about}", panels, x_label="viewers")


if __name__ == "__main__":
    growth()
