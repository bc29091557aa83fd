"""``streamvision probe``: what a source is, and what will be used of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from pipelines.capture.probe import SourceDescription, probe_source
from pipelines.capture.registry import parse_source
from streamvision.cli.options import field_option
from streamvision.core.config.references import expand
from streamvision.core.config.stream import StreamConfig

ONVIF = "onvif://"


@click.command()
@click.argument("source", metavar="SOURCE")
@field_option("--track", StreamConfig, "track", metavar="N")
@field_option("--rtsp-transport", StreamConfig, "rtsp_transport")
@click.option("--json", "as_json", is_flag=True, help="Print the description as one JSON document on stdout.")
def probe(source: str, as_json: bool, **given: Any) -> int:
    """Say what a source is: its tracks, which of them is read, and how its pictures are turned, stretched and coloured.

    Of an ONVIF camera it says which streams it offers, and without a host which cameras are on the network.

    \b
    Examples:
      streamvision probe drive.mp4
      streamvision probe rtsp://user:password@camera/stream --json
      streamvision probe onvif://user:password@camera
      streamvision probe onvif://
    """
    source = expand(source, origin="SOURCE")
    if source.lower().startswith(ONVIF):
        return _probe_onvif(source, as_json)
    config = StreamConfig(source=source, **{key: value for key, value in given.items() if value is not None})
    described = probe_source(parse_source(source), config)
    if as_json:
        click.echo(json.dumps(asdict(described)))
    else:
        click.echo("\n".join(_lines(described)))
    return 0


def _probe_onvif(source: str, as_json: bool) -> int:
    """Say which streams a camera offers, or which cameras there are."""
    from streamvision.service.onvif import Onvif, parse_login

    address, user, password = parse_login(source[len(ONVIF) :])
    if address:
        found = {"profiles": [asdict(profile) for profile in Onvif().profiles(address, user, password)]}
        lines = [f"{one['source']}  {one['name']}, {_size(one)}" for one in found["profiles"]]
    else:
        found = {"devices": [asdict(device) for device in Onvif().discover()]}
        lines = [f"{one['address']}  {one['name']} {one['hardware']}".rstrip() for one in found["devices"]]
    click.echo(json.dumps(found) if as_json else "\n".join(lines or ["nothing has answered"]))
    return 0 if lines else 1


def _size(profile: dict[str, Any]) -> str:
    size = f"{profile['width_px']}x{profile['height_px']}" if profile["width_px"] else "size not said"
    return f"{size}, {profile['fps']} fps" if profile["fps"] else size


def _lines(described: SourceDescription) -> list[str]:
    """Return the description in words."""
    facts = [
        described.kind,
        described.container,
        "live" if described.live else None,
        f"{described.duration_s:g} s" if described.duration_s else None,
        f"{described.frames} frames" if described.frames else None,
    ]
    lines = [f"{described.source}: {', '.join(fact for fact in facts if fact)}"]
    lines += [f"  {'>' if track['used'] else ' '} {track['text']}" for track in described.tracks]
    if described.coded is None:
        return [*lines, f"  pictures of {described.width_px}x{described.height_px}"]
    coded = described.coded
    colours = [coded["pixel_format"], coded["range"], *(coded[key] for key in ("matrix", "primaries", "transfer"))]
    changes = ", ".join(coded["changes"]) or "as they are"
    return [
        *lines,
        f"  coded as {coded['width_px']}x{coded['height_px']}, {', '.join(colour for colour in colours if colour)}",
        f"  shown as {described.width_px}x{described.height_px}: {changes}",
    ]
