"""Measures a cluster of network namespaces on this computer; needs root, Ray, GStreamer's RTSP server and FFmpeg.

    PYTHONPATH=tests python -m benchmarks.cluster failover --streams 12 --output DIR
    PYTHONPATH=tests python -m benchmarks.cluster throughput --seconds 30 --output DIR

Writes DIR/cluster_NAME.json; ``failover`` ends with 1 where a stream was not live elsewhere within ten seconds, ran
twice, or another lost frames; ``throughput`` where three machines do less than 0.9 of three times one machine's work.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.cluster.failover import failover
from benchmarks.cluster.throughput import throughput
from streamvision.bench.usage import machine

MOST_S = 10.0
LEAST_LINEAR = 0.9

output_option = click.option("--output", type=Path, default=Path(), show_default=True)


@click.group()
def main() -> None:
    """Measure a cluster."""


@main.command("failover")
@click.option("--streams", default=12, show_default=True, help="Cameras.")
@output_option
def measure_failover(streams: int, output: Path) -> None:
    """Cut a machine off, kill it, let it come back, and kill another."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        figures = failover(Path(folder), streams)
    _write(output, "failover", figures)
    cut, killed = figures["cut_off"], figures["killed"]
    last_s = max(one["live_elsewhere_after_s"]["last"] for one in (cut, killed))
    others = [one["others"] for one in (cut, killed)]
    lost = sum(max(one["while"]["missed"] - one["before"]["missed"], 0) for one in others)
    sys.exit(last_s > MOST_S or bool(cut["ran_twice"]) or lost > 0)


@main.command("throughput")
@click.option("--seconds", default=30.0, show_default=True, help="How long each is measured.")
@output_option
def measure_throughput(seconds: float, output: Path) -> None:
    """Let one, two and three machines work."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        figures = throughput(Path(folder), seconds)
    _write(output, "throughput", figures)
    sys.exit(min(figures["of_linear"].values()) < LEAST_LINEAR)


def _write(output: Path, name: str, figures: dict[str, Any]) -> None:
    document = {"machine": machine(), **figures}
    output.mkdir(parents=True, exist_ok=True)
    (output / f"cluster_{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    click.echo(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
