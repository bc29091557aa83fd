"""``streamvision recordings``: what a service has recorded, listed, exported, kept for good, removed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from streamvision.cli.moments import Moment, shown_moment
from streamvision.cli.state_options import state_options
from streamvision.cli.system_user import system_user
from streamvision.core.errors import ConfigError
from streamvision.core.files import writing
from streamvision.core.recordings import RecordedSpan, Recording
from streamvision.core.terminal import table
from streamvision.core.words import counted
from streamvision.service.recordings.library import RecordingLibrary
from streamvision.service.recordings.opening import open_store, remembered_config
from streamvision.service.recordings.store import RecordingStore
from streamvision.state.audit import Audit
from streamvision.state.database import Database
from streamvision.state.folder import FILE_MODE, existing_folder, in_use

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def span_options(command: F) -> F:
    """Add a stream, ``--since`` and ``--until``, from which comes ``span``."""
    until = click.option("--until", type=Moment(), help="Where the span ends.  [now]")
    since = click.option("--since", type=Moment(), required=True, help="Where it begins: '2026-05-01 14:30', 90m, 2d.")
    return click.argument("stream")(since(until(command)))


@click.group()
def recordings() -> None:
    """See, export, keep and remove what `streamvision serve` has recorded of the cameras' own packets.

    What is changed here holds at once, for a service that runs, too.

    \b
    Examples:
      streamvision recordings list door --since 2h
      streamvision recordings export door --since '2026-05-01 14:30' --until '2026-05-01 14:35' -o door.mp4
      streamvision recordings keep door --since 90m
    """


@recordings.command("list")
@state_options
@click.argument("streams", nargs=-1, metavar="[STREAM]...")
@click.option("--since", type=Moment(), default=0.0, help="Only what was recorded since then.")
@click.option("--until", type=Moment(), help="Only what was recorded before then.")
@json_option
def list_recordings(
    state: Path, database: str | None, streams: tuple[str, ...], since: float, until: float | None, as_json: bool
) -> int:
    """List what there is, the oldest first, at most 5000 files, and what there is in all."""
    with _store(state, database) as store:
        library = RecordingLibrary(store)
        found = library.find(frozenset(streams) or None, since, _end(until))
        summary = library.summary()
    if as_json:
        click.echo(json.dumps({"recordings": [asdict(one) for one in found], "summary": summary}))
        return 0
    if found:
        click.echo("\n".join(table([("id", "stream", "kind", "from", "to", "MB", "codec"), *map(_row, found)])))
    else:
        click.echo(f"Nothing was recorded{' of ' + ', '.join(streams) if streams else ''} in that time.")
    files = sum(kind["files"] for kind in summary["kinds"].values())
    click.echo(f"{counted(files, 'files')} in all, {summary['bytes'] / 1e9:.3g} GB of {summary['bounds']['gb']:g} GB.")
    return 0


@recordings.command()
@state_options
@span_options
@click.option("-o", "--output", type=Path, required=True, metavar="F.mp4", help="Where to; no file of that name yet.")
@click.option("--annotated", is_flag=True, help="Draw the boxes into it, which encodes it again.")
@json_option
def export(
    state: Path,
    database: str | None,
    stream: str,
    since: float,
    until: float | None,
    output: Path,
    annotated: bool,
    as_json: bool,
) -> int:
    """Write what was recorded in a span as one MP4 file, from the key frame before it on."""
    if output.exists():
        raise ConfigError(f"{output} is there already; give another name with --output")
    span = _span(stream, since, until)
    with _store(state, database) as store:
        size = _write(RecordingLibrary(store).export(span, annotated=annotated), output)
    _tell(as_json, {"file": str(output), "bytes": size}, f"{output}: {size / 1e6:.3g} MB.")
    return 0


@recordings.command()
@state_options
@span_options
@click.option("--no-longer", is_flag=True, help="Keep it no longer than recordings of events.")
@json_option
def keep(
    state: Path, database: str | None, stream: str, since: float, until: float | None, no_longer: bool, as_json: bool
) -> int:
    """Keep what was recorded in a span for good, in whole files."""
    with _store(state, database) as store:
        count = store.keep(_span(stream, since, until), kept=not no_longer)
        _note(store, "recordings kept no longer" if no_longer else "recordings kept", stream, since, until)
    _tell(
        as_json,
        {"kept": not no_longer, "files": count},
        f"{counted(count, 'files')} kept {'no longer' if no_longer else 'for good'}.",
    )
    return 0


@recordings.command()
@state_options
@span_options
@json_option
def remove(state: Path, database: str | None, stream: str, since: float, until: float | None, as_json: bool) -> int:
    """Remove what was recorded in a span, in whole files, those that are kept for good, too."""
    with _store(state, database) as store:
        count = store.remove(_span(stream, since, until))
        _note(store, "recordings removed", stream, since, until)
    _tell(as_json, {"removed": count}, f"{counted(count, 'files')} removed.")
    return 0


@recordings.command()
@state_options
@json_option
def rebuild(state: Path, database: str | None, as_json: bool) -> int:
    """Make the index equal to the files, while no service runs; each start of one does the same."""
    with _store(state, database, alone=True) as store:
        done = store.rebuild()
    text = (
        f"{counted(done.files, 'files')}: {done.added} new to the index, {done.forgotten} gone from it; "
        f"{done.removed} without a picture removed."
    )
    _tell(as_json, asdict(done), text)
    return 0


@contextmanager
def _store(state: Path, database: str | None, *, alone: bool = False) -> Iterator[RecordingStore]:
    """Open the recordings of a state; ``alone``: only while no service runs.

    Raises:
        StateError: when there is no state, it does not answer, or a service runs.
    """
    folder = state if database else existing_folder(state, begin="serve")
    with in_use(folder) if alone else nullcontext():
        opened = Database.open(database or folder)
        try:
            with opened.in_use() if alone else nullcontext():
                yield open_store(opened, folder, remembered_config(opened))
        finally:
            opened.close()


def _write(pieces: Iterator[bytes], output: Path) -> int:
    """Write a file, or none at all, and return its size."""
    with writing(output), output.open("xb") as stream:
        output.chmod(FILE_MODE)
        try:
            return sum(stream.write(piece) for piece in pieces)
        except BaseException:
            output.unlink(missing_ok=True)
            raise


def _span(stream: str, since: float, until: float | None) -> RecordedSpan:
    if since >= _end(until):
        raise ConfigError("--since must come before --until")
    return RecordedSpan(stream, since, _end(until))


def _end(until: float | None) -> float:
    return time.time() if until is None else until


def _note(store: RecordingStore, action: str, stream: str, since: float, until: float | None) -> None:
    details = {"since": since, "until": _end(until)}
    Audit(store.index.database).add(
        who=system_user(), address="command line", action=action, target=stream, details=details
    )


def _row(one: Recording) -> tuple[str, ...]:
    size = f"{one.size_bytes / 1e6:.1f}"
    span = (shown_moment(one.start_unix_s), shown_moment(one.end_unix_s))
    return (str(one.id), one.stream, one.kind, *span, size, one.codec)


def _tell(as_json: bool, document: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(document) if as_json else text)
