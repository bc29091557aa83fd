"""``streamvision find``: when and where a recording shows an object again."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import cv2

from pipelines.rendering.match_sheet import clock, draw_matches
from streamvision.api.find import build_index, picture_of, recordings_of, settings_of
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import build_config, field_option, model_options, source_options
from streamvision.cli.progress import Progress
from streamvision.cli.sources import Sources, SourcesCommand
from streamvision.core.config.app import AppConfig
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.files import writing
from streamvision.core.picture import U8, YuvPicture
from streamvision.core.upright import decode_upright
from streamvision.search.embedder import Embedder
from streamvision.search.index import EmbedderMark, Match, ObjectIndex, Tracklet
from streamvision.search.index_file import load_index, save_index

_HINT = "give --source, --model and --embedder, or an --index made before"


@click.command(cls=SourcesCommand)
@click.option("--config", type=Path, metavar="FILE.yaml", help="Settings from a file; the command line wins over it.")
@source_options
@model_options
@click.option("--embedder", metavar="FILE", help="Embedding model (task embed) that says how alike two objects look.")
@field_option("--embedder-head", TrackerConfig, "appearance_head")
@click.option("--query", metavar="FILE", help="Picture of the object, or a recording that shows it.")
@click.option("--frame", type=click.IntRange(0), default=0, show_default=True, help="Frame of the --query recording.")
@click.option("--box", metavar="L,T,R,B", help="Where the object is on it, in pixels; default: all of the picture.")
@click.option("--identity", metavar="[STREAM:]ID", help="Look for what looks like this identity of the index.")
@click.option("--index", "index_path", type=Path, metavar="F.npz", help="Kept here: the next search runs no detector.")
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True, help="Most matches.")
@click.option("--least", type=FiniteRange(-1, 1), default=-1.0, help="Lowest similarity of a match.")
@click.option("--sheet", type=Path, metavar="F.jpg", help="Draw the query and its matches.")
@field_option("--max-frames", AppConfig, "max_frames")
@click.option("--json", "as_json", is_flag=True, help="Print the matches as one JSON document on stdout.")
def find(
    config: Path | None,
    sources: Sources,
    embedder: str | None,
    appearance_head: str | None,
    query: str | None,
    frame: int,
    box: str | None,
    identity: str | None,
    index_path: Path | None,
    top: int,
    least: float,
    sheet: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Find an object again in recordings, by its appearance.

    The recordings go through detector and tracker once; each identity is described by an embedding model. With
    --index that is kept, and further searches take no time.

    \b
    Examples:
      streamvision find gate.mp4 --model yolo.onnx --embedder reid.onnx --query car.jpg --index gate.npz
      streamvision find --index gate.npz --embedder reid.onnx --query gate.mp4 --frame 120 --box 40,80,200,190
      streamvision find --index gate.npz --identity 7 --sheet found.jpg
      streamvision find recordings/gate/2026-05-01 --model yolo.onnx --embedder reid.onnx --query car.jpg
    """
    begin_s = time.monotonic()
    if query is not None and identity is not None:
        raise ConfigError("both --query and --identity were given; give one of them")
    if query is None and (identity is None and index_path is None):
        raise ConfigError("nothing to look for was given; give --query FILE or --identity ID, or --index to fill one")
    stream_id, track_id = _identity(identity) if identity is not None else (None, 0)
    if sheet is not None and not (sheet.suffix and cv2.haveImageWriter(sheet.name)):
        raise OutputError(f"{sheet} has an ending that no picture has; use .jpg or .png")
    if sheet is not None and not sheet.parent.is_dir():
        raise OutputError(f"there is no folder {sheet.parent} for the sheet; create it, or give another file")
    shown = picture_of(query, frame=frame, box_xyxy_px=_box(box)) if query is not None else None
    describer = Embedder.open(embedder, head=appearance_head) if embedder is not None else None
    picture: U8 | None = None
    matches: list[Match] = []
    try:
        index, made = _index(config, sources, given, index_path, describer)
        if shown is not None:
            if describer is None:
                raise ConfigError("a query picture must be described; give the index's embedding model with --embedder")
            vector, picture = describer.describe([shown])[0], shown.to_bgr()
            matches = index.search(vector, most=top, least=least)
        elif identity is not None:
            row = index.row_of(track_id, stream_id=stream_id)
            picture = decode_upright(index.tracklets[row].thumbnail_jpeg)
            alike = index.search(index.embedding[row], most=top + 1, least=least)
            matches = [one for one in alike if one.tracklet is not index.tracklets[row]][:top]
    finally:
        if describer is not None:
            describer.close()
    if sheet is not None and picture is not None:
        _write_sheet(sheet, picture, matches, title=identity or Path(str(query)).name)
    report = {
        "index": str(index_path) if index_path else None,
        "made": made,
        "embedder": index.embedder.name,
        "streams": {name: recording.uri for name, recording in index.recordings.items()},
        "identities": len(index),
        "seconds": round(time.monotonic() - begin_s, 3),
        "matches": [match.to_json() for match in matches],
        "sheet": str(sheet) if sheet is not None and picture is not None else None,
    }
    click.echo(json.dumps(report) if as_json else _told(report, matches, asked=picture is not None))


def _index(
    config: Path | None,
    sources: Sources,
    given: dict[str, Any],
    path: Path | None,
    embedder: Embedder | None,
) -> tuple[ObjectIndex, bool]:
    """Return the index, and whether it had to be made."""
    wanted = bool(sources or config)
    if path is not None and (path.exists() or not wanted):
        mark: EmbedderMark | None = embedder.mark if embedder else None
        index = load_index(path, embedder=mark)
        if wanted:
            _check_same(index, build_config(config, sources, given), path)
        return index, False
    if not wanted or embedder is None:
        raise ConfigError(f"{'no embedding model' if wanted else 'no recording'} was given; {_HINT}")
    if path is not None and not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent} for the index; create it, or give another file")
    with Progress() as progress:
        index = build_index(build_config(config, sources, given), embedder, on_progress=progress.show)
    if path is not None:
        save_index(index, path)
    return index, True


def _check_same(index: ObjectIndex, config: AppConfig, path: Path) -> None:
    asked = recordings_of(config)
    if asked != index.recordings:
        made_of, now = (", ".join(one.uri for one in some.values()) for some in (index.recordings, asked))
        raise ConfigError(
            f"{path} is of {made_of}, not of {now} as it is now; leave --source out, or give another --index"
        )
    if settings_of(config) != index.settings_sha256:
        raise ConfigError(
            f"{path} was made with other settings of detector or tracker; leave --source out, or give another --index"
        )


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--box {text} is no box; give left, top, right and bottom, such as 40,80,200,190") from error
    return left, top, right, bottom


def _identity(text: str) -> tuple[str | None, int]:
    stream, _, number = text.rpartition(":")
    if not number.isdecimal():
        raise ConfigError(f"--identity {text} is no identity; give its number, or STREAM:NUMBER")
    return stream or None, int(number)


def _write_sheet(path: Path, picture: U8, matches: list[Match], *, title: str) -> None:
    canvas = draw_matches(picture, matches, title=title)
    bgr = YuvPicture(canvas.y, canvas.u, canvas.v, full_range=True).to_bgr()
    encoded: Any = cv2.imencode(path.suffix, bgr)[1]
    with writing(path, instead="give another file with --sheet"):
        path.write_bytes(encoded.tobytes())


def _told(report: dict[str, Any], matches: list[Match], *, asked: bool) -> str:
    lines = [f"{report['identities']} identities in {', '.join(report['streams'])}, by {report['embedder']}"]
    if asked and not matches:
        lines.append("Nothing is as alike as --least asks for.")
    for match in matches:
        one = match.tracklet
        lines.append(
            f"  {match.similarity:.3f}  {one.stream_id} {one.class_name} {one.track_id}: "
            f"{_seen(one)}, {one.frames} frames, score {one.score:.2f}, "
            f"best on frame {one.best_frame}"
        )
    return "\n".join(lines)


def _seen(one: Tracklet) -> str:
    """Return from when to when an object was seen: in UTC where that is known, else in the time of its recording."""
    if one.first_unix_s is None or one.last_unix_s is None:
        return f"{clock(one.first_s)} - {clock(one.last_s)}"
    first, last = (datetime.fromtimestamp(unix_s, timezone.utc) for unix_s in (one.first_unix_s, one.last_unix_s))
    end = f"{last:%H:%M:%S}Z" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}Z"
    return f"{first:%Y-%m-%d %H:%M:%S} - {end}"
