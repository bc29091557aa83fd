"""``streamvision model-repository``: an artefact where a model server looks for it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamvision.cli.options import field_option, names_option
from streamvision.core.config.model import ModelConfig


@click.command("model-repository")
@click.argument("path", type=Path, metavar="MODEL")
@click.option("--output", type=Path, required=True, metavar="DIR", help="The repository; it is made if missing.")
@click.option("--name", metavar="NAME", help="What the model is called on the server; default: as its file.")
@click.option(
    "--server", type=click.Choice(("triton", "mlserver")), default="triton", show_default=True, help="Whose repository."
)
@click.option(
    "--platform",
    type=click.Choice(("auto", "onnxruntime", "openvino", "python")),
    default="auto",
    show_default=True,
    help="What executes it on Triton; auto: by the file's ending; python: ONNX Runtime in the server's Python.",
)
@click.option(
    "--max-batch",
    type=click.IntRange(1, 1024),
    default=8,
    show_default=True,
    help="Most pictures that the server gathers to one call, for models that take any number.",
)
@field_option("--head", ModelConfig, "head")
@names_option()
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON document on stdout.")
def model_repository(
    path: Path,
    output: Path,
    name: str | None,
    server: str,
    platform: str,
    max_batch: int,
    head: str | None,
    names: tuple[str, ...] | None,
    as_json: bool,
) -> None:
    """Put MODEL into a folder from which Triton or MLServer serves it, its card included.

    MODEL is an export (.onnx or .xml), best one that the parity gate has proven; whoever names it by
    --model kserve://HOST/NAME then needs to say nothing else. A model of the same name gets a further version.

    \b
    Examples:
      streamvision model-repository exported/yolo11n-fp32.onnx --output models --name yolo
      tritonserver --model-repository models
      streamvision run rtsp://camera/stream --model kserve://localhost:8000/yolo
    """
    from exporters.repository import write_repository
    from streamvision.models import model_file

    made = write_repository(
        model_file(path),
        output,
        server=server,  # type: ignore[arg-type]
        platform=platform,  # type: ignore[arg-type]
        name=name,
        max_batch=max_batch,
        head=head,
        names=names,
    )
    note = "" if made.gated else "No report of the parity gate lies beside it: nobody has compared it with its source."
    if as_json:
        document = {
            "folder": str(made.folder),
            "name": made.name,
            "version": made.version,
            "server": server,
            "platform": made.platform,
            "gated": made.gated,
        }
        click.echo(json.dumps(document, indent=2))
        return
    version = "" if made.version is None else f", version {made.version}"
    click.echo(
        f"{made.folder}{version}: served by {server} with {made.platform}, used by --model kserve://HOST/{made.name}"
    )
    if note:
        click.echo(note)
