"""``streamvision build-engine``: a TensorRT engine for this device, from a proven ONNX file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamvision.cli.options import names_option
from streamvision.core.errors import ConfigError
from streamvision.core.files import cache_folder


@click.command("build-engine")
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option(
    "--precision",
    type=click.Choice(("auto", "fp32", "fp16", "int8")),
    default="auto",
    show_default=True,
    help="What the file must be in; the file's types are the engine's, and no other are made here.",
)
@click.option(
    "--batch", metavar="N|MIN,OPT,MAX", help="Pictures a call, for files that take any number. [default: 1,4,16]"
)
@click.option("--device", default="auto", show_default=True, metavar="cuda[:N]", help="The GPU to build on and for.")
@click.option("--workspace-mb", type=click.IntRange(1), help="Most memory for a layer to work in. [default: all]")
@click.option("--tf32", is_flag=True, help="Let fp32 products be rounded to 10 bits: faster, but not what was proven.")
@click.option("--cache", type=click.Path(path_type=Path), metavar="DIR", help="Where engines are kept.")
@click.option(
    "--timing-cache/--no-timing-cache",
    default=True,
    show_default=True,
    help="Use what former builds have measured, and keep what this one does.",
)
@click.option("--rebuild", is_flag=True, help="Build although there is an engine in the cache.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE.engine", help="Put a copy here.")
@click.option("--head", metavar="HEAD", help="Layout of the outputs, for files that do not say it.")
@names_option()
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
def build_engine(
    model: Path,
    precision: str,
    batch: str | None,
    device: str,
    workspace_mb: int | None,
    tf32: bool,
    cache: Path | None,
    timing_cache: bool,
    rebuild: bool,
    output: Path | None,
    head: str | None,
    names: tuple[str, ...] | None,
    as_json: bool,
) -> None:
    """Build a TensorRT engine for the GPU of this machine, or find the one that was built before.

    An engine runs on the kind of GPU and the version of TensorRT that it was built with, so it is built where it runs,
    once: the next call finds it. Not verified on a GPU yet.

    \b
    Examples:
      streamvision export yolo.pt --format tensorrt --precision fp16 --output exported      (on any machine)
      streamvision build-engine exported/yolo.onnx --output yolo.engine                     (on the device)
      streamvision run --source /dev/video0 --model yolo.engine --serve 0.0.0.0:8080
    """
    if output is not None and output.suffix not in (".engine", ".plan"):
        raise ConfigError(f"--output {output}: give a name that ends in .engine")
    from exporters.tensorrt.engine_cache import EngineCache
    from exporters.tensorrt.engine_spec import parse_batch, read_engine_spec
    from exporters.tensorrt.engines import provide_engine
    from streamvision.models import model_file

    spec = read_engine_spec(
        model_file(model),
        precision=precision,
        batch=parse_batch(batch) if batch else None,
        tf32=tf32,
        head=head,
        names=names,
    )
    report = provide_engine(
        spec,
        EngineCache(cache or cache_folder("engines")),
        device=device,
        workspace_mb=workspace_mb,
        timing_cache=timing_cache,
        rebuild=rebuild,
        output=output,
        say=lambda line: click.echo(line, err=True),
    )
    if as_json:
        click.echo(json.dumps(report.to_json()))
        return
    word = "Built" if report.built else "Found"
    click.echo(f"{word} {report.path} ({report.header.precision}, {report.bytes / 1e6:.1f} MB, {report.seconds:.1f} s)")
    click.echo(f"Run it: streamvision run --model {report.path} --source ...")
