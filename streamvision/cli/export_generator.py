"""``streamvision export`` of networks that make pictures of latent numbers, which no picture can be shown to."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from exporters.base import ExportPrecision, TargetEntry
from streamvision.checkpoints import open_generator
from streamvision.checkpoints.base import GeneratingSource, TorchSource
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.files import writing
from streamvision.core.terminal import table
from streamvision.inference.generator_card import GeneratorCard

OPTIONS = ("model", "formats", "precisions", "output", "generator", "trust_checkpoint", "force", "as_json")
"""What generators' exports take, by parameter."""
HEADINGS = ("artefact", "size", "verdict")


def generator_asked_for(path: Path, *, asked: bool, trusted: bool) -> GeneratingSource | None:
    """Return what a checkpoint draws with, where it takes no pictures or that was asked for; else ``None``.

    Raises:
        ConfigError: when it was asked for, and there is none.
    """
    source = open_generator(path, trust_checkpoint=trusted) if path.is_file() else None
    if asked and source is None:
        raise ConfigError(f"{path} makes no pictures of latent numbers; leave --generator out")
    return source if asked or not isinstance(source, TorchSource) else None


def export_generators(
    source: GeneratingSource,
    formats: Sequence[TargetEntry],
    precisions: Sequence[ExportPrecision],
    output: Path,
    *,
    force: bool,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Make and prove a file of each format; one that fails leaves the others alone.

    Args:
        source: the network.
        formats: what is wanted.
        precisions: what was asked for; float32 alone is made.
        output: folder for the files.
        force: whether what stands in the way is replaced.
        say: called with one line on each step.

    Returns:
        plain values for each: format, precision, path, bytes, and whether and how it was proven.

    Raises:
        ConfigError: when an option was given that generators have not, or a file is there already.
        OutputError: when nothing can be written to the output folder.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in OPTIONS and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise ConfigError(
                f"{parameter.opts[0]} is for networks that see pictures, and {source.path} makes some; leave it out"
            )
    if other := [precision for precision in precisions if precision != "fp32"]:
        raise ConfigError(f"generators are made in fp32, not in {other[0]}; leave --precision out")
    paths = {entry.name: output / f"{source.path.stem}-generator-fp32{entry.suffix}" for entry in formats}
    if not force and (there := [str(path) for path in paths.values() if path.exists()]):
        raise ConfigError(f"{there[0]} is there already; give --force to replace it, or another --output")
    with writing(f"to {output}", instead="give another --output"):
        output.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".export-", dir=output, ignore_cleanup_errors=True)
    with scratch as folder:
        return [_made(source, name, path, Path(folder), say) for name, path in paths.items()]


def _made(
    source: GeneratingSource, format: str, path: Path, scratch: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    from exporters.generators import export_generator, remove

    side_px = source.side_px
    card = GeneratorCard(latents=source.latents, width_px=side_px, height_px=side_px, source=str(source.path.name))
    facts: dict[str, Any] = {"format": format, "precision": "fp32", "name": path.name}
    remove(path)
    say(f"{path.name}: converting")
    try:
        proven = export_generator(source.generator(), card, scratch / path.name, format=format)
    except StreamVisionError as error:
        sentence = f"{path.name} was not made: {error}"
        return facts | {"path": None, "bytes": None, "error": sentence, "parity": {"passed": False}}
    proven.path.replace(path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    parity = {"passed": True, "sentence": proven.sentence()}
    say(f"{path.name}: {parity['sentence']}")
    return facts | {"path": str(path), "bytes": size, "error": None, "parity": parity}


def tell_generators(made: Sequence[Mapping[str, Any]], *, model: str, as_json: bool) -> int:
    """Print the result as a table, or as one JSON document, and return the exit code."""
    rows = [
        (
            one["name"],
            "-" if one["bytes"] is None else f"{one['bytes'] / 1e6:.1f} MB",
            "failed" if one["error"] else f"passed: {one['parity']['sentence']}",
        )
        for one in made
    ]
    click.echo(json.dumps({"model": model, "artefacts": made}) if as_json else "\n".join(table([HEADINGS, *rows])))
    for one in made:
        if one["error"]:
            click.echo(f"streamvision: {one['error']}", err=True)
    return int(any(one["error"] for one in made))
