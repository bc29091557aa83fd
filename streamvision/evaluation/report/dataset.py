"""The report of a data set: what goes with what in it, in one HTML file that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from streamvision.datasets.bias import GRID, LIGHT_EDGES, SIDE_EDGES, Bias
from streamvision.datasets.inspection import Inspection
from streamvision.datasets.label_inspection import LabelInspection
from streamvision.evaluation.report.parts import write_report

MOST_CLASSES = 24
"""Classes that the tables show, those on most pictures; more would not be readable."""


def build_dataset_report(found: Inspection | LabelInspection, path: Path, *, title: str) -> None:
    """Write the report.

    Args:
        found: the inspection.
        path: the HTML file.
        title: what was looked at, in a few words.

    Raises:
        OutputError: when the file cannot be written.
    """
    bias = found.bias
    pictures = {name: row[name] for name, row in bias.together.items()}
    shown = sorted(pictures, key=lambda name: -pictures[name])[:MOST_CLASSES]
    parts = {} if set(found.splits) == {"none"} else found.splits
    write_report(
        path,
        "dataset.html",
        title=title,
        map=None,
        found=found,
        suspicions=bias.suspicions,
        parts=", ".join(f"{part} {count}" for part, count in parts.items()),
        part_names=list(parts),
        classes=_classes(found, list(parts)),
        shown=shown,
        together=_together(bias, shown) if len(shown) > 1 and _shares_pictures(bias) else [],
        side_titles=[f"{low:.0%}-{high:.0%}" for low, high in pairwise(SIDE_EDGES)],
        sides=[_row(name, bias.sides[name]) for name in shown if name in bias.sides],
        places=[_place(name, bias.places[name]) for name in shown if name in bias.places],
        grid=GRID,
        light_titles=[f"{low}-{high - 1}" for low, high in pairwise(LIGHT_EDGES)],
        light=[_row(f"all of {part}", counts) for part, counts in bias.light_by_part.items()]
        + [_row(name, bias.light[name]) for name in shown],
        source_titles=["pictures", *shown],
        sources=[
            _row(one.name, [one.pictures, *(one.classes[name] for name in shown)], of=one.pictures)
            for one in bias.sources
        ],
    )


def _classes(found: Inspection | LabelInspection, parts: Sequence[str]) -> list[dict[str, Any]]:
    rows = [
        {
            "name": one.name,
            "share": one.pictures / max(found.pictures, 1),
            "pictures": one.pictures,
            "objects": getattr(one, "boxes", None),
            "parts": [one.splits.get(part, 0) for part in parts],
        }
        for one in found.classes
    ]
    return sorted(rows, key=lambda row: -row["pictures"])


def _shares_pictures(bias: Bias) -> bool:
    """Say whether any picture shows two classes; of whole pictures with a class each none does."""
    return any(len(row) > 1 for row in bias.together.values())


def _together(bias: Bias, shown: Sequence[str]) -> list[dict[str, Any]]:
    rows = ((name, bias.together[name]) for name in shown)
    return [_row(name, [row.get(other, 0) for other in shown], of=row[name]) for name, row in rows]


def _row(name: str, counts: Sequence[int], *, of: int | None = None) -> dict[str, Any]:
    total = max(sum(counts) if of is None else of, 1)
    return {"name": name, "cells": [{"count": count, "share": count / total} for count in counts]}


def _place(name: str, rows: Sequence[Sequence[int]]) -> dict[str, Any]:
    most = max(max(row) for row in rows) or 1
    cells = [
        {"x": x, "y": y, "count": count, "share": count / most}
        for y, row in enumerate(rows)
        for x, count in enumerate(row)
    ]
    return {"name": name, "total": sum(map(sum, rows)), "cells": cells}
