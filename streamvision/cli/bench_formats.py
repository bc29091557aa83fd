"""``streamvision bench formats``: which format and precision is fastest here, and what each costs in accuracy."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from exporters.targets.registry import TARGETS
from streamvision.cli.dataset_options import format_option
from streamvision.cli.export import formats_of, size_of, words_of
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import input_option, names_option, trust_option
from streamvision.cli.progress import StepProgress
from streamvision.cli.signals import terminable
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError
from streamvision.models import find_model

if TYPE_CHECKING:
    from exporters.base import TargetEntry
    from streamvision.bench.formats.rows import Row
    from streamvision.bench.formats.table import FormatsFigures

_SOURCES = (".pt", ".pth")


def _precisions(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[Any]:
    from streamvision.bench.formats.rows import RowPrecision

    given = words_of(value)
    if unknown := [word for word in given if word not in get_args(RowPrecision)]:
        raise click.BadParameter(
            f"{', '.join(unknown)} is not accepted; choose from {', '.join(get_args(RowPrecision))}"
        )
    return given


@click.command(name="formats", short_help="One table for each format and precision: size, speed, accuracy, parity.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--model", "more", multiple=True, metavar="FILE", help="The model, as an option; may be repeated.")
@click.option(
    "--formats",
    "entries",
    callback=formats_of,
    metavar="A,B,...",
    help=f"Formats to export to: {', '.join(TARGETS.names())}.  [default: those that execute here]",
)
@click.option(
    "--precisions",
    callback=_precisions,
    metavar="A,B,...",
    help="fp32, fp16, int8-dynamic, int8, and bf16: the fp32 file computed in bf16.  [default: all of each format]",
)
@click.option("--output", type=Path, metavar="DIR", help="Folder for the files that are made, with their reports.")
@click.option("--data", type=Path, metavar="DIR", help="Labelled pictures: measure mAP of each line, too.")
@format_option("--data-format")
@click.option("--calibration", type=Path, metavar="DIR", help="Pictures that int8 measures its ranges on.")
@click.option(
    "--images", type=Path, metavar="DIR", help="Pictures to compare on; default: --data, --calibration, drawn."
)
@click.option("--imgsz", "size_px", callback=size_of, metavar="N|HxW", help="Input size; default: the model's own.")
@click.option("--device", default="auto", show_default=True, help="Where all execute: auto, cpu, cuda[:N], gpu.")
@click.option("--head", help="Layout of the outputs, for files that do not say it.")
@names_option(help="Class names that override the model's.")
@input_option
@trust_option
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="How often each line is measured, in turn.",
)
@click.option(
    "--seconds", type=FiniteRange(min=0.5), default=6.0, show_default=True, metavar="T", help="Seconds of each time."
)
@click.option(
    "--row-timeout",
    "row_timeout_s",
    type=FiniteRange(min=1, max=86400),
    default=1800.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest time for all of one line, its export included.",
)
@click.option("--force", is_flag=True, help="Replace what is in DIR already.")
@click.option("--plot", type=Path, metavar="F.svg", help="Draw mAP against latency.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as one JSON document on stdout.")
def formats(
    models: tuple[str, ...],
    more: tuple[str, ...],
    entries: list[TargetEntry],
    precisions: list[Any],
    output: Path | None,
    data: Path | None,
    data_format: str | None,
    calibration: Path | None,
    images: Path | None,
    size_px: tuple[int, int] | None,
    device: str,
    head: str | None,
    names: tuple[str, ...] | None,
    input: dict[str, Any] | None,
    trust_checkpoint: bool,
    rounds: int,
    seconds: float,
    row_timeout_s: float,
    force: bool,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Find out which format and precision of a model is fastest on this machine, and what each costs in accuracy.

    MODEL is a checkpoint (.pt), which is exported to each format and precision as 'streamvision export' does it; or
    files that exist (.onnx, .xml or its folder, .tflite, .param), which are measured as they are. One .onnx file is
    exported, too, where --formats says to what.

    Each step of each line runs in a process of its own. Speed is measured in rounds in turn, one picture over and over:
    latency of one call at a time, and pictures a second with the defaults of 'run'. The fastest line that passes is
    marked: equal to its source within the gate's limits, and, with --data, within the points of mAP that its precision
    may lose. Exit code 1 where no line could be measured.

    \b
    Examples:
      streamvision bench formats yolov8n.pt --output formats --calibration photos --data coco_val --plot formats.svg
      streamvision bench formats best.pt --formats onnx,openvino --precisions fp32,fp16,bf16 --output formats
      streamvision bench formats yolo.onnx yolo_openvino yolo-int8.tflite --data coco_val --json
    """
    from streamvision.bench.formats import report
    from streamvision.bench.formats.child import Job
    from streamvision.bench.formats.table import FormatsBench

    paths = [_file(name) for name in (*models, *more)]
    source = paths[0] if len(paths) == 1 and (paths[0].suffix.lower() in _SOURCES or entries) else None
    rows = _rows(paths, source, entries, precisions, output, size_px, calibration, device, force=force)
    given = ", ".join(map(str, paths))
    _check(data, data_format, images, calibration, plot)
    settings = Job(
        work="convert",
        model=str(paths[0]),
        output=str(output or ""),
        force=force,
        seconds=seconds,
        size_px=size_px,
        data=str(data) if data else None,
        data_format=data_format,
        calibration=str(calibration) if calibration else None,
        images=str(images) if images else None,
        head=head,
        names=names,
        input=validate(ModelInputConfig, input or {}, origin="--input").given(),
        trust_checkpoint=trust_checkpoint,
    )
    begin_s = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"[{time.monotonic() - begin_s:6.1f} s] {text}", err=True)

    with terminable(), StepProgress("steps") as progress:
        bench = FormatsBench(
            rows,
            settings,
            rounds=rounds,
            row_timeout_s=row_timeout_s,
            model=given,
            on_step=progress.show_work,
            say=say,
        )
        figures = bench.run()
    _keep(figures, paths)
    click.echo(json.dumps(figures.to_json()) if as_json else report.describe(figures))
    if plot:  # last: a disk that has become full takes no table away
        report.plot(figures, plot)
    return 0 if any(row.rounds for row in figures.rows) else 1


def _keep(figures: FormatsFigures, paths: list[Path]) -> None:
    """Keep the end of the table for ``doctor``; that it cannot be kept makes no table worthless."""
    from streamvision.bench.formats.kept import keep

    try:
        keep(figures, paths)
    except OSError as error:
        click.echo(f"streamvision: 'doctor' will not know of this table: {error}", err=True)


def _file(name: str) -> Path:
    found = find_model(name)
    if not isinstance(found, Path):
        raise ConfigError(f"{name} is on a server, and bench formats measures files; give a checkpoint or model files")
    if not found.exists():
        raise ConfigError(f"there is no model at {found}; give a checkpoint (.pt), or model files that exist")
    return found


def _rows(
    paths: list[Path],
    source: Path | None,
    entries: list[TargetEntry],
    precisions: list[Any],
    output: Path | None,
    size_px: tuple[int, int] | None,
    calibration: Path | None,
    device: str,
    *,
    force: bool,
) -> list[Row]:
    """Return the lines that were asked for.

    Raises:
        ConfigError: when what was given does not go together.
    """
    from streamvision.bench.formats.rows import rows_of_files, rows_of_source

    if not paths:
        raise ConfigError("no model was given; name a checkpoint (.pt), or model files that exist")
    if source is None:
        if checkpoints := [path.name for path in paths if path.suffix.lower() in _SOURCES]:
            raise ConfigError(f"{', '.join(checkpoints)} would be exported, which is done for one model; give it alone")
        if entries or precisions:
            raise ConfigError(
                "--formats and --precisions say what one checkpoint (.pt) or .onnx file is exported to; give it alone, "
                "or leave them out to measure files as they are"
            )
        return rows_of_files(paths, device=device)
    if output is None:
        raise ConfigError(f"{source.name} is exported, and --output DIR says where to; give one")
    if output.is_dir() and any(output.iterdir()) and not force:
        raise ConfigError(
            f"{output} is not empty; give --force to replace what is of the same name, or another --output"
        )
    chosen = entries or [TARGETS.get(name) for name in TARGETS.names()]
    return rows_of_source(
        source,
        chosen,
        precisions,
        all_formats=not entries,
        size_px=size_px,
        calibration=calibration,
        device=device,
    )


def _check(
    data: Path | None, data_format: str | None, images: Path | None, calibration: Path | None, plot: Path | None
) -> None:
    """Look at everything that the lines will read, once, before the first of them starts.

    Raises:
        StreamVisionError: when something is not as it must be.
    """
    from exporters.pictures import gate_pictures
    from streamvision.core.charts import check_svg
    from streamvision.datasets import read_dataset

    if plot:
        check_svg(plot)
    dataset = None
    if data:
        dataset = read_dataset(data, format=data_format, option="--data-format")
        if not dataset.images:
            raise ConfigError(f"{data} has no readable picture, so there is nothing to measure; check its folder")
    gate_pictures(images=images, dataset=dataset, data=data, calibration=calibration, count=1)
