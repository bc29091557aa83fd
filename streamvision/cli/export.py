"""``streamvision export``: trained weights into files for servers, phones and browsers, each proven or refused."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import click

from exporters.base import ExportOptions, ExportPrecision, FloatSearch, TargetEntry, UnverifiedArtifact
from exporters.targets.registry import TARGETS
from streamvision.checkpoints.base import Source
from streamvision.cli.dataset_options import format_option
from streamvision.cli.export_generator import export_generators, generator_asked_for, tell_generators
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import input_option, names_option, trust_option
from streamvision.cli.progress import StepProgress
from streamvision.cli.signals import terminable
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.terminal import table
from streamvision.inference.model_card import PixelFormat

if TYPE_CHECKING:
    from exporters.export import ExportResult
    from streamvision.datasets.dataset import Dataset, DatasetFormat

_SIZE = re.compile(r"(\d+)(?:[xX](\d+))?")
_HEADINGS = ("artefact", "size", "mean IoU", "score ±", "mAP50-95", "verdict")


def words_of(value: str | None) -> list[str]:
    """Return words separated by commas, each once and in the order given."""
    return list(dict.fromkeys(word for part in (value or "").split(",") if (word := part.strip())))


def formats_of(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[TargetEntry]:
    """Read names of formats separated by commas."""
    try:
        return [TARGETS.get(name) for name in words_of(value)]
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


def _precisions(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[ExportPrecision]:
    given = words_of(value)
    if unknown := [word for word in given if word not in get_args(ExportPrecision)]:
        accepted = ", ".join(get_args(ExportPrecision))
        raise click.BadParameter(f"{', '.join(unknown)} is not accepted; choose from {accepted}")
    return cast("list[ExportPrecision]", given)


def _takes(switch: str) -> str:
    """Return which formats take one of the switches of :class:`ExportOptions`."""
    return ", ".join(entry.name for entry in TARGETS.built_in if switch in entry.options)


def size_of(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Read N or HxW and return (width, height) in pixels."""
    if value is None:
        return None
    matched = _SIZE.fullmatch(value)
    height_px, width_px = (int(matched[1]), int(matched[2] or matched[1])) if matched else (0, 0)
    if not height_px or not width_px:
        raise click.BadParameter(f"{value!r} is no size; give N for a square, or HxW (height first) such as 384x640")
    return width_px, height_px


_EPILOG = "\b\nFormats:\n" + "\n".join(
    f"  {entry.name:9} {entry.summary} ({', '.join(entry.precisions)})" for entry in TARGETS.built_in
)


@click.command(epilog=_EPILOG)
@click.argument("model")
@click.option(
    "--format",
    "formats",
    callback=formats_of,
    required=True,
    metavar="A,B,...",
    help=f"{', '.join(TARGETS.names())}; below is what each is for.",
)
@click.option(
    "--precision",
    "precisions",
    callback=_precisions,
    metavar="A,B,...",
    help=f"{', '.join(get_args(ExportPrecision))}; int8 needs --calibration.  [default: the format's own]",
)
@click.option("--output", type=Path, required=True, metavar="DIR", help="Folder for the files and their reports.")
@click.option(
    "--imgsz", "size_px", callback=size_of, metavar="N|HxW", help="Input size, height first; default: the model's own."
)
@click.option("--dynamic-batch", is_flag=True, help=f"Take any number of pictures a call ({_takes('dynamic_batch')}).")
@click.option("--dynamic-size", is_flag=True, help=f"Take pictures of any size ({_takes('dynamic_size')}).")
@click.option("--uint8-input", is_flag=True, help="Take bytes (NHWC, RGB), with the scaling inside the network.")
@click.option(
    "--pixel-format",
    type=click.Choice(get_args(PixelFormat)),
    help=f"Take whole pictures of any size, resized and scaled inside the network ({_takes('pixel_format')}).",
)
@click.option("--nms", is_flag=True, help="Suppress duplicates inside the network.")
@click.option(
    "--mirror",
    is_flag=True,
    help="See each picture mirrored, too, and give the mean: better boxes at twice the time, where no class says left "
    "or right.",
)
@click.option("--mediapipe", is_flag=True, help="TFLite in the form that MediaPipe's ObjectDetector runs, NMS inside.")
@click.option("--calibration", type=Path, metavar="DIR", help="Pictures that int8 measures its ranges on.")
@click.option(
    "--search-time",
    "search_s",
    type=FiniteRange(min=0, max=86400),
    metavar="SECONDS",
    help="Most processor time for trying which layers onnx and openvino leave in float in int8.  "
    "[default: 300; 0: none]",
)
@click.option(
    "--limit-share",
    type=FiniteRange(min=0, min_open=True, max=1),
    metavar="SHARE",
    help="How much of the gate's limits int8 may use up on --calibration; less leaves more in float.  [default: 0.5]",
)
@click.option(
    "--images",
    type=Path,
    metavar="DIR",
    help="Pictures to compare on; default: those of --data or --calibration, else drawn ones.",
)
@click.option(
    "--max-images",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Most pictures to compare on, evenly spaced.",
)
@click.option("--data", type=Path, metavar="DIR", help="Labelled pictures: measure mAP before and after, too.")
@format_option("--data-format")
@click.option(
    "--budget",
    type=FiniteRange(min=0),
    metavar="POINTS",
    help="Points of mAP50-95 that may be lost.  [default: 0.5; 1.5 for int8]",
)
@click.option("--weights", type=Path, metavar="FILE", help="State dict of a torchvision model given by its name.")
@click.option(
    "--random-weights", type=int, metavar="SEED", help="A network that has learned nothing, to try an export out."
)
@click.option("--head", help="Layout of the outputs, for ONNX files that do not say it.")
@names_option(help="Class names that override the model's.")
@input_option
@trust_option
@click.option(
    "--load-timeout",
    "load_timeout_s",
    type=FiniteRange(min=0, min_open=True, max=86400),
    metavar="SECONDS",
    help="Longest time for opening an .onnx file and running it once.  [default: 600]",
)
@click.option("--generator", is_flag=True, help="Of a vae: what makes pictures of latent numbers, as of a dcgan.")
@click.option("--bundle", is_flag=True, help="For apps: a bundle beside each file, as 'streamvision bundle' makes it.")
@click.option(
    "--bundle-picture", type=Path, metavar="FILE", help="What the golden vectors show; default: a drawn drive."
)
@click.option("--force", is_flag=True, help="Replace what is in DIR already.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
def export(
    model: str,
    formats: list[TargetEntry],
    precisions: list[ExportPrecision],
    output: Path,
    calibration: Path | None,
    search_s: float | None,
    limit_share: float | None,
    images: Path | None,
    max_images: int,
    data: Path | None,
    data_format: DatasetFormat | None,
    budget: float | None,
    weights: Path | None,
    random_weights: int | None,
    head: str | None,
    names: tuple[str, ...] | None,
    input: dict[str, Any] | None,
    trust_checkpoint: bool,
    load_timeout_s: float | None,
    generator: bool,
    bundle: bool,
    bundle_picture: Path | None,
    mirror: bool,
    force: bool,
    as_json: bool,
    **of_network: Any,
) -> int:
    """Turn trained weights into files for other runtimes, and prove each against its source.

    MODEL is an ultralytics checkpoint (.pt), a checkpoint of 'streamvision train', the name of a torchvision model with
    --weights, or an .onnx file. Source and export are executed on the same pictures and compared stage by stage. An
    export that differs is deleted and the exit code is 1; its report says where it differs first, and by how much.

    \b
    Examples:
      streamvision export yolov8n.pt --format onnx,openvino --output exported --images photos
      streamvision export yolov8n.pt --format onnx --imgsz 384x640 --nms --output exported
      streamvision export yolov8n.pt --format openvino --precision int8 --calibration photos --output exported
      streamvision export best.pt --format tflite --precision fp32,int8-dynamic --data signs --output exported
    """
    from streamvision.evaluation.class_names import match_classes

    begin_s = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"[{time.monotonic() - begin_s:6.1f} s] {text}", err=True)

    if drawing := generator_asked_for(Path(model), asked=generator, trusted=trust_checkpoint):
        with _stdout_kept(), terminable():
            made = export_generators(drawing, formats, precisions, output, force=force, say=say)
        return tell_generators(made, model=model, as_json=as_json)
    with _stdout_kept(), terminable(), StepProgress() as progress:
        from exporters.export import Exporter, requests_for
        from exporters.parity.accuracy import Accuracy
        from exporters.parity.gate import Gate
        from exporters.parity.inputs import library_reference
        from exporters.pictures import gate_pictures
        from streamvision.checkpoints import open_source

        for format in formats:
            format.check_source(Path(model))
        pictures_done = partial(progress.show_work, "pictures")
        usual = FloatSearch()
        search = FloatSearch(
            usual.seconds if search_s is None else search_s,
            usual.limit_share if limit_share is None else limit_share,
            on_progress=partial(progress.show_work, "tries of layers in float"),
        )
        options = ExportOptions(calibration=calibration, search=search, **of_network)
        dataset = _labelled(data, data_format, say) if data else None
        pictures = gate_pictures(images=images, dataset=dataset, data=data, calibration=calibration, count=max_images)
        say(f"opening {model}")
        source: Source = open_source(
            model,
            weights=weights,
            names=names,
            head=head,
            size_px=options.size_px,
            random_weights=random_weights,
            fed=validate(ModelInputConfig, input or {}, origin="--input").given(),
            trust_checkpoint=trust_checkpoint,
            load_timeout_s=load_timeout_s,
        )
        if mirror:
            from streamvision.checkpoints.mirrored import MirroredSource

            source = MirroredSource(source)
        accuracy = None
        if dataset:
            match_classes(dataset, source.card.names)
            accuracy = Accuracy(source, dataset, budget_points=budget, on_progress=pictures_done)
        elif budget is not None:
            raise ConfigError("--budget limits what --data measures; give labelled pictures with --data DIR, too")
        gate = Gate(
            source,
            pictures,
            reference=library_reference(source),
            accuracy=accuracy,
            untrained=random_weights is not None,
            on_progress=pictures_done,
        )
        exporter = Exporter(source, gate, pictures, output, force=force, say=say)
        results = exporter.run(requests_for(formats, precisions, options))
        bundles = _bundles(results, source, bundle_picture, say) if bundle or bundle_picture else {}
    if as_json:
        described = [result.to_json() | bundles.get(result.name, {}) for result in results]
        document = {"model": model, "artefacts": described}
        click.echo(json.dumps(document | {"pictures": pictures.origin}))
    else:
        click.echo(describe(results))
    for result in results:
        if result.error:
            click.echo(f"streamvision: {result.error}{_see(result)}", err=True)
    unbundled = [sentence for made in bundles.values() if (sentence := made["bundle_error"])]
    for sentence in unbundled:
        click.echo(f"streamvision: {sentence}", err=True)
    return 1 if unbundled or any(result.error for result in results) else 0


def describe(results: list[ExportResult]) -> str:
    """Return the result as a table for the terminal, with those figures that there are."""
    rows: list[tuple[str, ...]] = [_HEADINGS]
    for result in results:
        parity = result.parity
        figures = [
            (parity.figure("result", name) if parity else None) for name in ("mean_iou", "mean_score_difference")
        ]
        before, after = (
            (parity.figure("accuracy", f"map50_95_{when}") if parity else None) for when in ("before", "after")
        )
        rows.append(
            (
                result.name,
                "-" if result.bytes is None else f"{result.bytes / 1e6:.1f} MB",
                *("-" if figure is None else f"{figure:.4f}" for figure in figures),
                "-" if before is None or after is None else f"{before:.4f} -> {after:.4f}",
                "failed" if result.error else "passed",
            )
        )
    told = [column for column in zip(*rows, strict=True) if any(cell != "-" for cell in column[1:])]
    notes = [f"Note on {result.name}: {note}" for result in results for note in result.notes]
    return "\n".join([*table(list(zip(*told, strict=True))), *notes])


def _bundles(
    results: list[ExportResult],
    source: Source,
    picture: Path | None,
    say: Callable[[str], None],
) -> dict[str, dict[str, str | None]]:
    """Make the bundle of each proven artefact; one that cannot be made leaves the artefact where it is."""
    from exporters.bundle import bundle_exported

    made: dict[str, dict[str, str | None]] = {}
    for result in results:
        if result.path is None:
            continue
        format, precision = result.request.format, result.request.options.precision
        artifact = UnverifiedArtifact(format.name, precision, result.path, source.card)
        try:
            bundle = bundle_exported(artifact, format.create(), picture=picture)
            made[result.name] = {"bundle": str(bundle.folder), "bundle_error": None}
            say(f"{result.name}: bundle with {bundle.found} in {bundle.folder}")
        except StreamVisionError as error:
            sentence = f"{result.name} is proven and kept, but its bundle was not made: {error}"
            made[result.name] = {"bundle": None, "bundle_error": sentence}
    return made


def _see(result: ExportResult) -> str:
    return f"; see {result.report}" if result.report else ""


def _labelled(data: Path, format: DatasetFormat | None, say: Any) -> Dataset:
    from streamvision.datasets import read_dataset
    from streamvision.datasets.measured_part import choose_split

    dataset, notes = choose_split(read_dataset(data, format=format, option="--data-format"), None)
    for note in notes:
        say(note)
    return dataset


@contextlib.contextmanager
def _stdout_kept() -> Iterator[None]:
    """Send what converters print, from Python or C++, to stderr: stdout is for the result alone."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
