"""The cards that all is measured on: a way that is driven twice, cut into twenty clips each as three makers do."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from streamvision.datasets.trip import CardOrder, TripSpec, write_cards
from streamvision.datasets.trip.writing import TRUTH

CLIPS = 20
WRONG_CLOCK_S = 3600.0


@dataclass(frozen=True)
class TrueCard:
    """A card and what is true about it."""

    folder: Path
    """Where it is."""

    @cached_property
    def stated(self) -> dict[str, Any]:
        """How it was made."""
        return _json(self.folder / TRUTH / "trip.json")

    @property
    def clips(self) -> list[Path]:
        """Its clips in the order of time."""
        return [self.folder / clip["file"] for clip in self.stated["clips"]]

    def clips_of(self, drive: int) -> list[Path]:
        """Return the clips of a drive, counted from 1."""
        return [self.folder / clip["file"] for clip in self.stated["clips"] if clip["drive"] == drive]

    @cached_property
    def frames(self) -> list[dict[str, str]]:
        """All frames of its clips, in the order of time."""
        rows = []
        for drive in range(1, self.stated["drives"] + 1):
            with (self.folder / TRUTH / f"frames-{drive}.csv").open(encoding="utf-8", newline="") as file:
                rows += list(csv.DictReader(file))
        return rows

    @cached_property
    def signs(self) -> list[dict[str, Any]]:
        """What was seen: id, class_name, frames of each drive, latitude_deg, longitude_deg."""
        found = []
        for feature in _json(self.folder / TRUTH / "signs.geojson")["features"]:
            lon, lat = feature["geometry"]["coordinates"]
            found.append(feature["properties"] | {"latitude_deg": lat, "longitude_deg": lon})
        return found


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def make_cards(work: Path, spec: TripSpec) -> dict[str, TrueCard]:
    """Return cards of three makers, one of them with a clock that is an hour wrong; made where they are not there."""
    folder = work / "cards"
    specs = {
        "viofo": replace(spec, zone_s=7200.0),
        "blackvue": replace(spec, zone_s=7200.0, clock_error_s=WRONG_CLOCK_S),
        "mivue": replace(spec, zone_s=-12_600.0),
    }
    if not folder.is_dir():
        part = work / "cards.part"
        write_cards([CardOrder(part / maker, maker, one) for maker, one in specs.items()])
        part.rename(folder)
    return {maker: TrueCard(folder / maker) for maker in specs}


def joined(clips: Sequence[Path], target: Path) -> Path:
    """Return one file with the coded pictures of clips, one after the other."""
    if not target.is_file():
        listed = target.with_suffix(".txt")
        listed.write_text("".join(f"file '{clip.absolute()}'\n" for clip in clips), encoding="utf-8")
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-f",
            "concat",
            "-safe",
            "0",
            "-i",
            listed,
            "-map",
            "0:v",
            "-c",
            "copy",
            target,
        ]
        subprocess.run(command, check=True, timeout=600)
    return target
