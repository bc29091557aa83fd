"""``streamvision eval image``: how good a network is that makes pictures of pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamvision.cli.eval_options import (
    SPLIT_HELP,
    SPLITS,
    cells,
    chosen_options,
    report_option,
    runtime_options,
    write_report,
)
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.progress import StepProgress
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.core.terminal import table
from streamvision.core.words import counted
from streamvision.datasets.measured_part import choose_split
from streamvision.evaluation.images import DISTANCES, ImageEvaluation
from streamvision.evaluation.model import open_model
from streamvision.evaluation.picture_measuring import PictureMeasuring

if TYPE_CHECKING:  # it imports torch
    from streamvision.evaluation.style import StyleEvaluation


@click.command("image", short_help="PSNR and SSIM of a network that makes pictures of pictures.")
@click.argument("model", type=model_location)
@click.option(
    "--data",
    type=Path,
    required=True,
    metavar="DIR",
    help="Pictures, with --noise or --shrink; or inputs/, what the network is given, and targets/, what it is to make.",
)
@click.option("--split", type=click.Choice(SPLITS), help=SPLIT_HELP)
@click.option(
    "--noise",
    type=FiniteRange(0, 255, min_open=True),
    metavar="LEVELS",
    help="Give the network the pictures with noise of this standard deviation, in levels of 0..255.",
)
@click.option(
    "--shrink",
    type=click.IntRange(2, 8),
    metavar="N",
    help="Give it the pictures N times smaller (bicubic, antialiased).",
)
@click.option("--reverse", is_flag=True, help="Give it those of targets/; it is to make those of inputs/.")
@click.option(
    "--lpips",
    metavar="alex|vgg|FILE.pth",
    help="Measure LPIPS, too (extra lpips): by torchvision's weights of AlexNet or VGG-16, a file or in torch's cache.",
)
@click.option(
    "--features",
    metavar="FILE",
    help="Measure the difference of a network's features, too, which is not LPIPS: a YOLOX (.onnx, .pth, best.pt), "
    "torchvision's weights of a VGG, or road_signs_yolox, the one that ships.",
)
@click.option(
    "--nearest-colour",
    is_flag=True,
    help="What MODEL makes are maps of classes, each of one colour: count pixels by the nearest of the true maps' "
    "colours, too (share that is right, mean IoU, beside the commonest colour's).",
)
@click.option(
    "--style",
    type=Path,
    metavar="PICTURE",
    help="Measure, in place of all that, how near to this picture's style MODEL paints, and how much of the content is "
    "left, by --features (road_signs_yolox).",
)
@report_option
@runtime_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document on stdout.")
def image(
    model: ModelLocation,
    data: Path,
    split: str | None,
    noise: float | None,
    shrink: int | None,
    reverse: bool,
    lpips: str | None,
    features: str | None,
    nearest_colour: bool,
    style: Path | None,
    report: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure how like the pictures that MODEL makes are to those that it should make.

    PSNR and SSIM stand beside those of the plain input: the noisy picture, or the small one enlarged (bicubic). The
    noise of a file is the same each time. With --lpips or --features distances as networks see them stand beside, of
    which the smaller one is the better.

    \b
    Examples:
      streamvision eval image denoiser.onnx --data photos --noise 25 --report report.html
      streamvision eval image edsr_x2.onnx --data photos --shrink 2 --json
      streamvision eval image pix2pix.onnx --data pairs --split val
      streamvision eval image map.onnx --data pairs --reverse --nearest-colour
      streamvision eval image style.onnx --data photos --style style.png
      streamvision eval image edsr_x4.onnx --data photos --shrink 4 --lpips alexnet-owt-7be5be79.pth
    """
    measuring = PictureMeasuring(
        noise=noise,
        shrink=shrink,
        reverse=reverse,
        lpips=lpips,
        features=features,
        nearest_colour=nearest_colour,
        style=style,
    )
    measure, pictures = measuring.opened(data, trusted=bool(given.get("trust_checkpoint")))
    part, notes = choose_split(pictures, split)
    with open_model(model, **chosen_options(given)) as detector, StepProgress("pictures") as progress:
        result: Any = measure(detector, part, notes=notes, on_progress=progress.show)
    if report:
        from streamvision.evaluation.report import build_image_report, build_style_report

        build = build_image_report if style is None else build_style_report
        write_report(build, result, report, model=model, data=data)
    if as_json:
        click.echo(json.dumps(result.to_json()))
        return
    head = f"{result.model} on {counted(len(result.pictures), 'pictures')}, {result.seconds:.1f} s"
    lines = _lines_of_pictures(result) if style is None else _lines_of_style(result)
    click.echo("\n".join([head, *lines, *(f"Note: {note}" for note in result.notes)]))


def _lines_of_pictures(result: ImageEvaluation) -> list[str]:
    figures = ("psnr_db", "ssim", *result.distances)
    rows = [
        ("pictures", "PSNR (dB)", "SSIM", *(DISTANCES[name] for name in result.distances)),
        ("made", *cells(*(result.mean(figure) for figure in figures))),
        ("plain input", *cells(*(result.mean(f"plain_{figure}") for figure in figures))),
    ]
    measured = counted(len(result.pictures), "pictures")
    lines = [*table(rows), f"{result.better} of {measured} have a higher PSNR than the plain input."]
    if result.maps is not None:
        found = result.maps.to_json()
        keys = ("pixel_accuracy", "mean_iou")
        lines += table(
            [
                (f"by the nearest of {found['colours']} colours", "right pixels", "mean IoU"),
                ("made", *cells(*(found[key] for key in keys))),
                ("commonest colour", *cells(*(found[f"commonest_{key}"] for key in keys))),
            ]
        )
    return lines


def _lines_of_style(result: StyleEvaluation) -> list[str]:
    rows = [
        ("pictures", "content", "style"),
        ("made", *cells(result.mean("content"), result.mean("style"))),
        ("plain input", *cells(0.0, result.mean("plain_style"))),
        ("in its colours", *cells(result.mean("recoloured_content"), result.mean("recoloured_style"))),
    ]
    return [*table(rows), f"Differences of the features of {result.features}, as shares; 0 is the same."]
