"""``streamvision bundle``: an artefact with decoder code and golden vectors, for apps."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamvision.cli.options import field_option, names_option
from streamvision.core.config.model import ModelConfig


@click.command()
@click.argument("path", type=Path, metavar="MODEL")
@click.option("--output", type=Path, required=True, metavar="DIR", help="Folder to write; new, empty or a bundle.")
@click.option("--picture", type=Path, metavar="FILE", help="What the golden vectors show; default: a drawn drive.")
@field_option("--score", ModelConfig, "score")
@field_option("--head", ModelConfig, "head")
@names_option()
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON document on stdout.")
def bundle(
    path: Path,
    output: Path,
    picture: Path | None,
    score: float | None,
    head: str | None,
    names: tuple[str, ...] | None,
    as_json: bool,
) -> None:
    """Put MODEL and what an app needs for it into a folder and a zip beside it.

    The bundle has the model, its card and labels; decoders in Kotlin, Swift and JavaScript, short enough to paste; and
    golden vectors: one picture at every stage, from pixels to boxes, with which decoder and app check themselves.
    The picture goes along with the bundle: give one that you may pass on.

    \b
    Examples:
      streamvision bundle signs.onnx --output bundle
      streamvision bundle yolov8n.tflite --picture my-street.jpg --output examples/android/bundle
    """
    from exporters.bundle import make_bundle
    from streamvision.inference.model import Model
    from streamvision.models import model_file

    path = model_file(path)
    config = ModelConfig(path=path, head=head, names=names)
    with Model.open(config) as detector:
        made = make_bundle(path, output, backend=detector.backend, card=detector.card, picture=picture, score=score)
    if as_json:
        document = {
            "folder": str(made.folder),
            "archive": str(made.archive),
            "objects": made.objects,
            "found": made.found,
        }
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(f"{made.folder} and {made.archive}: golden vectors with {made.found}")
