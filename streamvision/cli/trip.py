"""``streamvision trip``: the clips of a dashcam become drives, and a map of what was seen on them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timezone, tzinfo
from pathlib import Path
from threading import Event
from typing import Any, get_args

import click

from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import field_option, given_options, joined_document, model_options, privacy_options
from streamvision.cli.progress import StepProgress
from streamvision.cli.sections import SectionedCommand, together
from streamvision.cli.signals import exit_code, handled_signals
from streamvision.cli.zones import zone_option
from streamvision.core.config.app import AppConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.privacy import PrivacyConfig
from streamvision.core.config.section import validate
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.logs import say
from streamvision.core.position_address import parse_position_address
from streamvision.core.words import counted
from streamvision.dashcam.clip import View
from streamvision.models import TEXT_MODEL, with_default_model
from streamvision.trip.arrivals import Arrivals, CompleteFiles
from streamvision.trip.detecting import StoppedError
from streamvision.trip.live.recording import LiveRecording
from streamvision.trip.records import DriveSummary, SeenObject
from streamvision.trip.report.tiles import tile_origin
from streamvision.trip.run import Trip
from streamvision.trip.settings import TRACKER_MEMORY_S, TripSettings
from streamvision.trip.summaries import TripReport

LOOK_EVERY_S = 2.0
"""How often a watched folder is looked into."""
LIVE_CLIPS = "clips"
"""Where clips of a camera that drives now go, in the folder of the results."""
ORIGIN = "command line"
_MOST_SHOWN = 20


def _stride(_context: click.Context, _option: click.Parameter, text: str) -> int | None:
    """Return every how many pictures the model is shown one; ``None`` for ``auto``."""
    if text.lower() == "auto":
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000):
        raise ConfigError(f"--stride {text} is no step; give a whole number from 1 to 1000, or auto")
    return int(text)


def _tiles(_context: click.Context, _option: click.Parameter, address: str | None) -> str | None:
    """Return the address of tiles, looked at before the work begins."""
    if address is not None:
        tile_origin(address)
    return address


def _position(_context: click.Context, _option: click.Parameter, address: str | None) -> str | None:
    """Return the address of a receiver."""
    try:
        return None if address is None else str(parse_position_address(address))
    except ValueError as error:
        raise ConfigError(f"--position {address} {error}") from None


live_options = together(
    click.option(
        "--source",
        metavar="URL",
        help="A camera that drives now, such as rtsp://192.168.42.1/live, instead of DIR: it is recorded into "
        "OUT/clips, and each clip is worked on when it is complete, until Ctrl-C.",
    ),
    field_option("--position", AppConfig, "position", metavar="URI", callback=_position),
    click.option(
        "--clip-s",
        type=FiniteRange(2, 3600),
        default=60.0,
        show_default=True,
        help="Length of the clips that are recorded, in seconds.",
    ),
    heading="A camera that drives now",
)
drive_options = together(
    click.option("--view", type=click.Choice(get_args(View)), default="front", show_default=True, help="Which lens."),
    click.option(
        "--zone",
        metavar="±HH:MM",
        callback=zone_option,
        help="Time zone of the camera's clock, where no positions tell the time: +02:00, or a place such as "
        "Europe/Berlin; default: this machine's.",
    ),
    click.option(
        "--gap-s",
        type=FiniteRange(1, 86_400),
        default=60.0,
        show_default=True,
        help="Seconds without a recording from which on a new drive begins.",
    ),
    heading="How clips become drives",
)
looking_options = together(
    click.option(
        "--stride",
        metavar="N|auto",
        default="auto",
        show_default=True,
        callback=_stride,
        help="Show the model every Nth picture; auto: by the speed of the car.",
    ),
    click.option(
        "--text",
        metavar="MODEL",
        help=f"A second model that reads the objects, such as a speed on a sign: of text, as {TEXT_MODEL}, of classes, "
        "or of parts such as digits.",
    ),
    field_option("--tracker", TrackerConfig, "name", name="tracker"),
    heading="How objects are found",
)


@click.command(cls=SectionedCommand)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="OUT",
    help="Folder of the results.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of what is kept for the next run.  [default: state in the folder of the results]",
)
@click.option("--watch", is_flag=True, help="Go on with what comes into DIR, such as a card or uploads, until Ctrl-C.")
@click.option(
    "--tiles",
    metavar="URL",
    callback=_tiles,
    help="Lay map tiles under the report's map: an address with {z}, {x} and {y}. Without it the report asks nothing "
    "of any network.",
)
@click.option("--no-video", is_flag=True, help="Write no annotated videos, which take the longest.")
@live_options
@drive_options
@looking_options
@privacy_options
@model_options
@click.option("--json", "as_json", is_flag=True, help="Print the drives and objects as one JSON document on stdout.")
def trip(
    folder: Path | None,
    output: Path,
    state: Path | None,
    watch: bool,
    tiles: str | None,
    no_video: bool,
    source: str | None,
    position: str | None,
    clip_s: float,
    view: View,
    zone: tzinfo | None,
    gap_s: float,
    stride: int | None,
    text: str | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Turn the clips of a dashcam in DIR into drives, and a map of the objects that were seen on them.

    DIR is the card, a copy of it, or any folder of clips. They are put in order by their names, clocks and
    positions; each is decoded once, and what was found is kept, so that the next run works on new clips only, and one
    that was stopped goes on where it was. OUT then holds report.html, which opens in any browser without a network;
    objects.csv and objects.geojson, one row a physical object with its place on earth; track.gpx and track.geojson;
    and results.jsonl, one line a frame.

    \b
    Examples:
      streamvision trip /media/me/DASHCAM --output drives
      streamvision trip clips --model yolo.onnx --classes stop,yield --output drives --no-video
      streamvision trip clips --output drives --zone +02:00 --json
      streamvision trip /srv/ftp/dashcam --output drives --watch
      streamvision trip --source rtsp://192.168.42.1/live --position gpsd://127.0.0.1 --output drives
    """
    if source is not None:
        if zone is not None or view != "front":
            raise ConfigError(
                "--zone and --view are about the clips in DIR, so they do not go with --source; leave them out"
            )
        zone = timezone.utc  # of the names of our own clips
    settings = TripSettings(
        folder=_folder(folder, output, source=source, position=position),
        output=output,
        state=state or output / "state",
        view=view,
        zone=zone,
        gap_s=gap_s,
        stride=stride,
        text=text,
        video=not no_video,
        tiles=tiles,
        **_sections(given),
    )
    with handled_signals(reloads=False) as signals:
        if source is not None:
            with LiveRecording(source, settings.folder, position=position, clip_s=clip_s) as recording:
                _record(recording, settings, lambda: signals.stop is not None, as_json=as_json)
            return exit_code(signals.stop)
        try:
            with (
                StepProgress() as progress,
                Trip(settings, is_stopped=lambda: signals.stop is not None, on_progress=progress.show_work) as running,
            ):
                if watch:
                    _watch(running, lambda: signals.stop is not None, as_json=as_json)
                    return exit_code(signals.stop)
                report = running.update()
        except StoppedError:
            say(f"Stopped; what is done is kept in {settings.state}, and the same command goes on from there.")
            return exit_code(signals.stop)
    _say(report, as_json=as_json)
    return exit_code(signals.stop)


def _folder(folder: Path | None, output: Path, *, source: str | None, position: str | None) -> Path:
    """Return the folder of clips that is worked on."""
    if (folder is None) == (source is None):
        given = "neither was given" if folder is None else "both were given"
        raise ConfigError(f"trip works on clips in DIR or on a camera by --source, but {given}; give one of them")
    if position is not None and source is None:
        raise ConfigError("--position is for a camera by --source, but DIR was given; clips bring their own positions")
    return folder if folder is not None else output / LIVE_CLIPS


def _record(recording: LiveRecording, settings: TripSettings, is_stopped: Callable[[], bool], *, as_json: bool) -> None:
    """Work on a camera's clips as they are complete, and on the last one when somebody stops it."""
    ending = Event()
    with (
        StepProgress() as progress,
        Trip(
            settings, is_stopped=lambda: is_stopped() and not ending.is_set(), on_progress=progress.show_work
        ) as running,
    ):
        done = None
        with suppress(StoppedError):  # what it was at is done with the last clip
            while not is_stopped() and recording.failure is None:
                complete = recording.complete()
                if complete != done or running.is_over:
                    _update(running, complete, as_json=as_json)
                done = complete
                _wait(is_stopped)
        ending.set()
        recording.close()
        if not _update(running, recording.complete(), as_json=as_json) and not recording.complete().paths:
            say(f"Nothing was recorded into {settings.folder}.")
    if recording.failure is not None:
        raise SourceError(recording.failure, permanent=True)


def _watch(running: Trip, is_stopped: Callable[[], bool], *, as_json: bool) -> None:
    """Work on what comes, until somebody stops it, and say what has come of it each time."""
    arrivals = Arrivals()
    while not is_stopped():
        _update(running, arrivals, as_json=as_json)
        _wait(is_stopped)


def _update(running: Trip, complete: CompleteFiles, *, as_json: bool) -> bool:
    """Work on the clips that are complete, and say what has come of it; return whether any was new."""
    report = running.update_by(complete)
    if report is not None:
        _say(report, as_json=as_json)
    return report is not None


def _wait(is_stopped: Callable[[], bool]) -> None:
    next_s = time.monotonic() + LOOK_EVERY_S
    while not is_stopped() and time.monotonic() < next_s:
        time.sleep(0.1)


def _say(report: TripReport, *, as_json: bool) -> None:
    click.echo(json.dumps(report.to_json(), allow_nan=False) if as_json else "\n".join(_told(report)))


def _sections(given: dict[str, Any]) -> dict[str, Any]:
    """Return the sections of the configuration that the options are of."""
    tracker = {"name": given.pop("tracker") or "steady", "memory_s": TRACKER_MEMORY_S}
    document, said = with_default_model(joined_document(None, given_options(given)))
    if said:
        say(said)
    return {
        "model": validate(ModelConfig, document["model"], origin=ORIGIN),
        "tracker": validate(TrackerConfig, tracker, origin=ORIGIN),
        "privacy": validate(PrivacyConfig, document.get("privacy", {}), origin=ORIGIN),
    }


def _told(report: TripReport) -> Iterator[str]:
    """Yield what people want to know, line by line."""
    clips = report.clips
    drives = report.summary.drives
    yield f"{counted(clips.found, 'clips')}, of them {clips.new} new, in {counted(len(drives), 'drives')}"
    for drive in drives:
        yield _drive_line(drive)
        yield from (f"    {note}" for note in drive.notes)
    for one in report.summary.objects[:_MOST_SHOWN]:
        yield _object_line(one)
    if len(report.summary.objects) > _MOST_SHOWN:
        yield f"  and {len(report.summary.objects) - _MOST_SHOWN:,} more in objects.csv"
    yield f"Open {report.output.absolute() / 'report.html'} in a browser."


def _drive_line(drive: DriveSummary) -> str:
    minutes, seconds = divmod(round(drive.end_unix_s - drive.start_unix_s), 60)
    way = "no positions" if drive.distance_m is None else f"{drive.distance_m / 1000:.1f} km"
    lost = f", {drive.lost_s:.1f} s lost" if drive.lost_s else ""
    return f"  drive {drive.id}: {minutes} min {seconds} s, {way}, {counted(len(drive.clips), 'clips')}{lost}"


def _object_line(one: SeenObject) -> str:
    place = "no place" if one.latitude_deg is None else f"{one.latitude_deg:.5f}, {one.longitude_deg:.5f}"
    error = "" if one.error_m is None else f" to {one.error_m:.0f} m"
    text = f" {one.text!r}" if one.text else ""
    return f"  {one.id}: {one.class_name}{text} at {place}{error}, seen by {counted(len(one.drives), 'drives')}"
