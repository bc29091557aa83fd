"""What ``streamvision trip`` promises, measured against the truth about drawn drives; prints one JSON document.

    python -m benchmarks.trip --work /tmp/trip-figures
    python -m benchmarks.trip --work /tmp/trip-figures --part places --part frames

The first call paints the cards, which takes the most time; later ones use those that lie in the folder. Ends with 1
where a figure is below what is promised.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks.trip.cards import CLIPS, TrueCard, make_cards
from benchmarks.trip.frames import measure_frames, measure_identities
from benchmarks.trip.hour import measure_hour
from benchmarks.trip.merging import measure_places
from benchmarks.trip.objects import measure_objects
from benchmarks.trip.positions import measure_positions
from benchmarks.trip.truncation import measure_truncations
from streamvision.cli.options import parse_size
from streamvision.datasets.trip import GpsNoise, TripSpec

PARTS = ("frames", "identities", "positions", "truncations", "objects", "places", "hour")
MOST_MEMORY_MB = 450.0
"""Of an hour of 1080p: a model, a decoder and what is known of its objects."""
NOISES = {"both": GpsNoise(), "independent": GpsNoise(3.0, 0.0), "correlated": GpsNoise(0.0, 3.0)}


@click.command()
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder of the cards and the results.")
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS, help="What is measured.")
@click.option("--clip-s", default=12.0, show_default=True, help="Seconds of each of the 20 clips of a drive.")
@click.option("--fps", default=10.0, show_default=True, help="Frames a second of the cards.")
@click.option("--size", default="1280x720", show_default=True, help="Of the cards' pictures.")
@click.option("--seed", default=101, show_default=True, help="Of the cards' road.")
@click.option("--cuts", default=100, show_default=True, help="Places at which a clip is cut.")
@click.option("--seeds", default=5, show_default=True, help="Roads of exact boxes.")
@click.option("--minutes", default=60.0, show_default=True, help="Of 1080p.")
def main(
    work: Path,
    parts: tuple[str, ...],
    clip_s: float,
    fps: float,
    size: str,
    seed: int,
    cuts: int,
    seeds: int,
    minutes: float,
) -> None:
    """Measure."""
    work.mkdir(parents=True, exist_ok=True)
    width_px, height_px = parse_size(size)
    spec = TripSpec(
        duration_s=CLIPS * clip_s, clip_s=clip_s, fps=fps, width_px=width_px, height_px=height_px, seed=seed, drives=2
    )
    cards = make_cards(work, spec) if set(parts) - {"places", "hour"} else {}
    far = replace(spec, duration_s=240.0, width_px=1280, height_px=720, fps=10.0)
    roads = [replace(far, seed=seed + number) for number in range(seeds)]
    measures: dict[str, Callable[[], Any]] = {
        "frames": lambda: _each(cards, measure_frames),
        "identities": lambda: _each(cards, lambda card: measure_identities(card, work)),
        "positions": lambda: _each(cards, measure_positions, without="mivue"),
        "truncations": lambda: measure_truncations(cards["viofo"], work, cuts=cuts, seed=seed),
        "objects": lambda: _each(cards, lambda card: measure_objects(card, work)),
        "places": lambda: measure_places(roads, NOISES),
        "hour": lambda: measure_hour(work, minutes=minutes),
    }
    document: dict[str, Any] = {"size": size, "fps": fps, "clip_s": clip_s, "seed": seed}
    for name in parts:
        begin_s = time.monotonic()
        document[name] = measures[name]()
        click.echo(f"{name}: {time.monotonic() - begin_s:.0f} s", err=True)
        (work / "figures.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    document["below"] = below(document)
    click.echo(json.dumps(document, indent=2))
    if document["below"]:
        raise SystemExit(1)


def _each(cards: dict[str, TrueCard], measure: Callable[[TrueCard], Any], without: str = "") -> dict[str, Any]:
    return {maker: measure(card) for maker, card in cards.items() if maker != without}


def below(document: dict[str, Any]) -> list[str]:
    """Return what is promised and not reached, one sentence each."""
    said: list[str] = []

    def check(is_reached: bool, what: str) -> None:
        if not is_reached:
            said.append(what)

    for maker, one in document.get("frames", {}).items():
        check(one["equal"], f"{maker}: {one['missing']} frames missing, {one['twice']} twice")
        check(_at_most(one["utc_error_s"]["most"], 1), f"{maker}: UTC off by {one['utc_error_s']['most']} s")
    for maker, one in document.get("identities", {}).items():
        check(one["kept_share"] >= 0.99, f"{maker}: identities kept: {one['kept_share']}")
    for maker, one in document.get("positions", {}).items():
        check("skipped" in one or one["equal_rows"] == one["exiftool_rows"] > 0, f"{maker}: rows unlike exiftool's")
    if one := document.get("truncations"):
        check(not one["faults"], f"truncations: {len(one['faults'])} faults")
    placed = [*document.get("objects", {}).items()]
    placed += [
        (name, {key: part["mean"] for key, part in one["spread"].items()})
        for name, one in document.get("places", {}).items()
    ]
    for name, one in placed:
        check(one["found_share"] >= 0.9, f"{name}: {one['found_share']} of the signs found")
        check(one["false_share"] <= 0.05, f"{name}: {one['false_share']} of the rows false")
        check(_at_most(one["median_m"], 5), f"{name}: median {one['median_m']} m")
        check(_at_most(one["p90_m"], 12), f"{name}: p90 {one['p90_m']} m")
        check((one["merged_share"] or 0) >= 0.95, f"{name}: {one['merged_share']} merged")
    if one := document.get("hour"):
        check(one["seconds"] < one["video_s"], f"{one['video_s']} s of 1080p took {one['seconds']} s")
        check(one["rss_mb"]["most"] < MOST_MEMORY_MB, f"an hour of 1080p took {one['rss_mb']['most']} MB")
        check(all(one["equal_files"].values()), "what was killed and run again differs")
    return said


def _at_most(value: float | None, limit: float) -> bool:
    return value is not None and value <= limit


if __name__ == "__main__":
    main()
