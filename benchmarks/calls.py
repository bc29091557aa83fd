"""One 1080p file through the whole pipeline with each way to share the cores out, and with the one that is chosen here.

    python -m benchmarks.calls --video car-detection.mp4 --model yolov8n.onnx --model yolov8n_openvino

Every way runs in turn in a process of its own, round after round: tracked, drawn, and encoded as JPEG. Ratios to one
call of all threads are taken round by round, and their median is given. What the measurement at load chooses is marked.
Writes DIR/calls.json and DIR/calls.md.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from statistics import median
from typing import Any, get_args

import click

from benchmarks.materials import video_1080p
from benchmarks.peers import Contender, ContenderError, run
from streamvision.bench.usage import machine
from streamvision.core.config.model import ModelConfig, Precision
from streamvision.inference.backends.cores import Share, usable_cores
from streamvision.inference.backends.registry import plugin_for
from streamvision.inference.model import Model
from streamvision.inference.tuning.candidates import baseline, candidates
from streamvision.inference.tuning.choice import share_words


@click.command(help=__doc__)
@click.option("--video", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", "models", required=True, multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--backend", default="auto", show_default=True)
@click.option("--precision", default="auto", show_default=True, type=click.Choice(get_args(Precision)))
@click.option("--output", default=Path("runs/calls"), show_default=True, type=Path, metavar="DIR")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 50))
@click.option("--frames", default=200, show_default=True, type=click.IntRange(20, 600), help="Frames a run.")
@click.option("--warmup", default=30, show_default=True, type=click.IntRange(1, 300), help="Of which not measured.")
def calls(
    video: Path,
    models: tuple[Path, ...],
    backend: str,
    precision: Precision,
    output: Path,
    rounds: int,
    frames: int,
    warmup: int,
) -> None:
    """Run all ways in turn and write down what came out."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    work = {"video": str(video_1080p(video)), "frames": frames, "warmup": warmup}
    parts = [
        measured(ModelConfig(path=model, backend=backend, precision=precision), work, rounds=rounds) for model in models
    ]
    document = {"machine": machine(), "rounds": rounds, "frames": frames, "models": parts}
    output.mkdir(parents=True, exist_ok=True)
    (output / "calls.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    text = markdown(document)
    (output / "calls.md").write_text(text, encoding="utf-8")
    click.echo(text)


def measured(config: ModelConfig, work: dict[str, Any], *, rounds: int) -> dict[str, Any]:
    """Return the rates of each way for one model, and which way is chosen."""
    with Model.open(config.model_copy(update={"tune": "throughput"})) as model:
        choice, description = model.choice, model.describe()
    _, plugin = plugin_for(config.path, config.backend, config.precision)
    cores = usable_cores()
    first = baseline(cores, requests=None, threads=None)
    others = candidates(
        cores, requests=None, threads=None, free=plugin.tunes, goal="throughput", spare=plugin.spare_call
    )
    contender = Contender("calls", "ours", str(config.path), config.backend, config.precision)
    rates: dict[Share, list[float]] = {share: [] for share in (first, *others)}
    for number in range(rounds):
        for share in list(rates):
            given = {"model": str(config.path), "requests": share.requests, "threads": share.threads, "tune": "off"}
            try:
                figures = run(contender, work | given)
            except ContenderError as error:
                click.echo(f"left out: {share_words(share)}: {error}", err=True)
                del rates[share]
                continue
            rates[share].append(figures["fps"])
            click.echo(f"{number + 1}/{rounds}  {figures['fps']:6.1f} fps  {share_words(share)}", err=True)
    ways = [
        {
            "requests": share.requests,
            "threads": share.threads,
            "fps": round(median(found), 2),
            "ratio": round(median(a / b for a, b in zip(found, rates[first], strict=True)), 3),
            "chosen": choice is not None and share == choice.share,
        }
        for share, found in rates.items()
    ]
    gain = None if choice is None else choice.gain
    return {"model": description, "backend": plugin.name, "gain_at_load": gain, "ways": ways}


def markdown(document: dict[str, Any]) -> str:
    """Return the tables, with machine and date."""
    about = document["machine"]
    lines = [
        f"One 1080p file, {document['frames']} frames, tracked, drawn, JPEG; medians of {document['rounds']} rounds in "
        f"turn. {about['cpu']}, {about['cores']} cores, {', '.join(about['instruction_sets'])}, {about['date']}."
    ]
    for part in document["models"]:
        lines += ["", part["model"], "", "| calls | fps | to one call of all threads | |", "|---|---:|---:|---|"]
        for way in sorted(part["ways"], key=lambda one: -one["fps"]):
            words = share_words(Share(way["requests"], way["threads"]))
            lines.append(f"| {words} | {way['fps']:.1f} | {way['ratio']:.2f} | {'chosen' if way['chosen'] else ''} |")
        if part["gain_at_load"] is not None:
            lines.append(f"\nThe measurement at load said {part['gain_at_load']:.2f}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    calls()
