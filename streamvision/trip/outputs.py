"""Writes what a trip comes to into its folder; each file is there in full or as it was before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from streamvision.core.errors import OutputError
from streamvision.core.files import remove_scratch, write_whole, writing
from streamvision.core.folder_lock import locked
from streamvision.gps.writing import write_geojson, write_gpx
from streamvision.trip.drive_result import DriveResult
from streamvision.trip.object_files import objects_csv, objects_geojson
from streamvision.trip.privacy import Places, shown_line
from streamvision.trip.records import TripSummary
from streamvision.trip.report import write_report

FILES = ("objects.csv", "objects.geojson", "track.gpx", "track.geojson", "results.jsonl", "report.html")


@contextmanager
def taken(output: Path) -> Iterator[None]:
    """Hold the folder of the results, and remove what a process that was killed there left half written.

    Raises:
        OutputError: when another process holds it.
    """
    busy = OutputError(
        f"another trip is writing into {output}; wait until it has ended, or give another folder with --output"
    )
    with ExitStack() as held:
        with writing(output):
            held.enter_context(locked(output, busy))
        remove_scratch(output, lambda name: name in FILES)
        yield


def write_outputs(
    summary: TripSummary,
    results: Sequence[DriveResult],
    output: Path,
    *,
    hidden: Places = (),
    tiles: str | None = None,
) -> None:
    """Write tables, maps, the way and a line a frame.

    Args:
        summary: the drives and the objects.
        results: of each drive, in the same order.
        output: the folder.
        hidden: places near which lines have no position.
        tiles: address of map tiles for the report.

    Raises:
        OutputError: when a file cannot be written.
    """
    write_whole(output / "objects.csv", objects_csv(summary.objects))
    write_whole(output / "objects.geojson", objects_geojson(summary.objects))
    ways = {result.drive.id: result.way for result in results if result.way is not None}
    write_gpx(output / "track.gpx", ways)
    write_geojson(output / "track.geojson", ways)
    _join([result.lines for result in results], output / "results.jsonl", hidden)
    write_report(summary, output, tiles=tiles)


def _join(parts: Sequence[Path], path: Path, hidden: Places) -> None:
    """Write files one behind the other, in one step."""
    with writing(path, instead="free space, or give another place"):
        scratch = path.with_name(f".{path.name}.part")
        try:
            with scratch.open("wb") as stream:
                for part in parts:
                    with part.open("rb") as lines:
                        if hidden:
                            stream.writelines(shown_line(line, hidden) for line in lines)
                        else:
                            shutil.copyfileobj(lines, stream, 1 << 20)
            scratch.chmod(0o644)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
