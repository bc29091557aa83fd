"""``streamvision eval image``: how good a network is that makes pictures of pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from streamvision.checkpoints.torch_runtime import import_torch
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
from streamvision.core.errors import ConfigError
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.core.terminal import table
from streamvision.core.words import counted
from streamvision.datasets.measured_part import choose_split
from streamvision.datasets.picture_pairs import read_made_worse, read_measured_pairs
from streamvision.evaluation.images import DISTANCES, evaluate_images
from streamvision.evaluation.model import open_model


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
    if style is not None:
        others = {
            "--nearest-colour": nearest_colour,
            "--noise": noise,
            "--shrink": shrink,
            "--reverse": reverse,
            "--lpips": lpips,
        }
        if useless := [option for option, value in others.items() if value]:
            raise ConfigError(f"a style has no truth to compare with; leave {' and '.join(useless)} out")
        _measure_style(model, data, split, style, features, report, as_json=as_json, **given)
        return
    distances = {}
    if lpips is not None or features is not None:
        import_torch()
        from streamvision.evaluation.perceptual import open_distances

        distances = open_distances(lpips, features, trusted=bool(given.get("trust_checkpoint")))
    pictures, notes = choose_split(read_measured_pairs(data, noise=noise, shrink=shrink, reverse=reverse), split)
    with open_model(model, **chosen_options(given)) as detector, StepProgress("pictures") as progress:
        result = evaluate_images(
            detector,
            pictures,
            notes=notes,
            distances=distances,
            nearest_colour=nearest_colour,
            on_progress=progress.show,
        )
    if report:
        from streamvision.evaluation.report import build_image_report

        write_report(build_image_report, result, report, model=model, data=data)
    if as_json:
        click.echo(json.dumps(result.to_json()))
        return
    figures = ("psnr_db", "ssim", *result.distances)
    rows = [
        ("pictures", "PSNR (dB)", "SSIM", *(DISTANCES[name] for name in result.distances)),
        ("made", *cells(*(result.mean(figure) for figure in figures))),
        ("plain input", *cells(*(result.mean(f"plain_{figure}") for figure in figures))),
    ]
    measured = counted(len(result.pictures), "pictures")
    lines = [f"{result.model} on {measured}, {result.seconds:.1f} s", *table(rows)]
    lines.append(f"{result.better} of {measured} have a higher PSNR than the plain input.")
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
    click.echo("\n".join([*lines, *(f"Note: {note}" for note in result.notes)]))


def _measure_style(
    model: ModelLocation,
    data: Path,
    split: str | None,
    style: Path,
    features: str | None,
    report: Path | None,
    *,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure a network that paints in a style, and print what came of it."""
    import_torch()
    from streamvision.checkpoints.feature_network import open_features
    from streamvision.evaluation.style import Style, evaluate_style

    wanted = Style(style, open_features(features, trusted=bool(given.get("trust_checkpoint"))))
    pictures, notes = choose_split(read_made_worse(data), split)
    with open_model(model, **chosen_options(given)) as detector, StepProgress("pictures") as progress:
        result = evaluate_style(detector, pictures, wanted, notes=notes, on_progress=progress.show)
    if report:
        from streamvision.evaluation.report import build_style_report

        write_report(build_style_report, result, report, model=model, data=data)
    if as_json:
        click.echo(json.dumps(result.to_json()))
        return
    rows = [
        ("pictures", "content", "style"),
        ("made", *cells(result.mean("content"), result.mean("style"))),
        ("plain input", *cells(0.0, result.mean("plain_style"))),
        ("in its colours", *cells(result.mean("recoloured_content"), result.mean("recoloured_style"))),
    ]
    head = f"{result.model} on {counted(len(result.pictures), 'pictures')}, {result.seconds:.1f} s"
    about = f"Differences of the features of {result.features}, as shares; 0 is the same."
    click.echo("\n".join([head, *table(rows), about, *(f"Note: {note}" for note in result.notes)]))
