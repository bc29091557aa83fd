"""Writes what a trip comes to into its folder; each file is there in full or as it was before."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from streamvision.core.files import write_whole, writing
from streamvision.gps.writing import write_geojson, write_gpx
from streamvision.trip.drive_result import DriveResult
from streamvision.trip.object_files import objects_csv, objects_geojson
from streamvision.trip.privacy import Places, shown_line
from streamvision.trip.records import TripSummary
from streamvision.trip.report import write_report


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
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
            for part in parts:
                with part.open("rb") as lines:
                    if hidden:
                        stream.writelines(shown_line(line, hidden) for line in lines)
                    else:
                        shutil.copyfileobj(lines, stream, 1 << 20)
        Path(stream.name).chmod(0o644)
        Path(stream.name).replace(path)
