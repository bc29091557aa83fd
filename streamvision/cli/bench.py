"""``streamvision bench``: how fast and how fresh it is on this machine, and what the machine could do at most."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamvision.cli.bench_formats import formats
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import (
    build_config,
    field_option,
    model_options,
    parse_size,
    source_options,
)
from streamvision.cli.progress import StepProgress
from streamvision.cli.sources import Sources, SourcesCommand
from streamvision.core.config.app import AppConfig

if TYPE_CHECKING:
    from streamvision.bench.soak import SoakNote
    from streamvision.web.layers import Layer

DRIVE = "synthetic:drive?seed=1&fps=30&size=1280x720"

json_option = click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document on stdout.")
plot_option = click.option("--plot", type=Path, metavar="F.svg", help="Draw the figures.")


def seconds_option(default: float, text: str = "Seconds that are measured.") -> Callable[[Any], Any]:
    """Return the option that says how long."""
    return click.option(
        "--seconds", type=FiniteRange(min=0.5), default=default, show_default=True, metavar="T", help=text
    )


@click.group(name="bench")
def bench() -> None:
    """Measure speed, freshness, memory and many viewers on this machine."""


bench.add_command(formats)


@bench.command(cls=SourcesCommand, short_help="The whole way of a frame, and what the machine could do at most.")
@source_options
@model_options
@click.option(
    "--streams", type=click.IntRange(1, 256), default=1, show_default=True, help="Streams of each source, side by side."
)
@click.option("--live", is_flag=True, help="Play files at their own speed, as cameras; else as fast as they can be.")
@seconds_option(20.0)
@click.option(
    "--warmup",
    type=FiniteRange(min=0),
    default=3.0,
    show_default=True,
    metavar="T",
    help="Seconds that it runs before.",
)
@field_option("--workers", AppConfig, "workers")
@plot_option
@json_option
def pipeline(
    sources: Sources,
    streams: int,
    live: bool,
    seconds: float,
    warmup: float,
    plot: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Decode, infer, track, draw and encode, as if somebody watched, and tell fps, frame age, CPU and memory.

    The bound is what this machine could do if decoding, the network and encoding, each measured alone in this process,
    were all that its cores did: cores / (decode + network + encode), in processor time a frame. Efficiency is fps over
    the bound, for live sources over what they offer where that is less.

    \b
    Examples:
      streamvision bench pipeline
      streamvision bench pipeline drive.mp4 --model yolo.onnx --streams 8 --seconds 60 --json
      streamvision bench pipeline drive.mp4 --live --streams 4 --plot four.svg
    """
    from streamvision.bench.pipeline import bench_pipeline
    from streamvision.bench.report import describe_pipeline, plot_pipeline

    config = _config(sources, streams, given | {"loop": True, "realtime": live})
    with StepProgress("s") as progress:
        figures = bench_pipeline(config, seconds=seconds, warmup_s=warmup, on_progress=_shown(progress))
    if plot:
        plot_pipeline(figures, plot)
    click.echo(json.dumps(figures.to_json()) if as_json else describe_pipeline(figures))


@bench.command(cls=SourcesCommand, short_help="The model alone: latency and throughput.")
@source_options
@model_options
@seconds_option(10.0)
@json_option
def model(sources: Sources, seconds: float, as_json: bool, **given: Any) -> None:
    """Run the model on the source's first picture, over and over: one at a time, then with all requests at work.

    \b
    Examples:
      streamvision bench model --model yolo.onnx
      streamvision bench model --model yolo.xml --precision bf16 --requests 2 --json
    """
    from pipelines.assembly import name_streams
    from streamvision.bench.costs import first_picture
    from streamvision.bench.model import bench_model
    from streamvision.bench.report import describe_model

    config = _config(sources, 1, given)
    picture = first_picture(*next(iter(name_streams(config.streams).values())))
    with StepProgress("s") as progress:
        figures = bench_model(config.model, picture, seconds=seconds, on_progress=_shown(progress))
    click.echo(json.dumps(figures.to_json()) if as_json else describe_model(figures))


@bench.command(short_help="Many browsers at once: real connections over loopback.")
@click.option("--viewers", type=click.IntRange(1, 5000), default=300, show_default=True, help="Browsers that watch.")
@click.option(
    "--stalled",
    type=click.IntRange(0, 500),
    default=5,
    show_default=True,
    help="Browsers that are connected and never read.",
)
@click.option("--fps", type=FiniteRange(1, 120), default=25.0, show_default=True, help="Pictures a second.")
@click.option("--size", default="640x360", show_default=True, metavar="WxH", help="Size of the pictures.")
@click.option(
    "--layer",
    type=click.Choice(["jpeg", "source", "h264"]),
    default="jpeg",
    show_default=True,
    help="What they take: MJPEG, a camera's own packets, or video that is encoded here.",
)
@click.option("--tls", is_flag=True, help="Over HTTPS.")
@seconds_option(15.0)
@plot_option
@json_option
def viewers(
    viewers: int,
    stalled: int,
    fps: float,
    size: str,
    seconds: float,
    layer: Layer,
    tls: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Publish pictures, serve them, and count what each viewer gets; they live in a process of their own.

    \b
    Examples:
      streamvision bench viewers --viewers 300 --fps 25
      streamvision bench viewers --viewers 50 --size 1920x1080 --layer source
    """
    from streamvision.bench.report import describe_viewers, plot_viewers
    from streamvision.bench.viewers import bench_viewers

    figures = bench_viewers(
        viewers=viewers, stalled=stalled, fps=fps, size_px=parse_size(size), seconds=seconds, layer=layer, tls=tls
    )
    if plot:
        plot_viewers(figures, plot)
    click.echo(json.dumps(figures.to_json()) if as_json else describe_viewers(figures))


@bench.command(cls=SourcesCommand, short_help="Hours on end: does memory or age grow?")
@source_options
@model_options
@click.option(
    "--streams", type=click.IntRange(1, 256), default=1, show_default=True, help="Streams of each source, side by side."
)
@click.option("--live/--fast", default=True, help="Files at their own speed, as cameras, or as fast as they can be.")
@seconds_option(600.0, "Seconds that it runs; an hour is 3600.")
@click.option(
    "--every",
    type=FiniteRange(min=0.5),
    default=10.0,
    show_default=True,
    metavar="T",
    help="Seconds between two lines.",
)
@plot_option
@json_option
def soak(
    sources: Sources,
    streams: int,
    live: bool,
    seconds: float,
    every: float,
    plot: Path | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Run for a long time, as if somebody watched, and note rate, age, memory, CPU and drops of every interval.

    \b
    Example:
      streamvision bench soak drive.mp4 --seconds 14400 --every 60 --plot night.svg
    """
    from streamvision.bench.report import describe_note, describe_soak, plot_soak
    from streamvision.bench.soak import bench_soak

    def tell(note: SoakNote) -> None:
        click.echo(describe_note(note), err=True)

    config = _config(sources, streams, given | {"loop": True, "realtime": live})
    figures = bench_soak(config, seconds=seconds, every_s=every, on_note=tell)
    if plot:
        plot_soak(figures, plot)
    click.echo(json.dumps(figures.to_json()) if as_json else describe_soak(figures))
    return 1 if figures.failures else 0


def _config(sources: Sources, streams: int, given: dict[str, Any]) -> AppConfig:
    return build_config(None, (sources or (DRIVE,)) * streams, given)


def _shown(progress: StepProgress) -> Callable[[str, float, float], None]:
    return lambda _what, done_s, all_s: progress.show(round(done_s), max(round(all_s), 1))
