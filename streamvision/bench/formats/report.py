"""The table of formats in words for the terminal, and as a chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.bench.formats.table import FormatsFigures, RowFigures
from streamvision.bench.report import OTHERS_PERCENT
from streamvision.core.charts import Bar, Mark, bar_chart, plane_chart, save_svg
from streamvision.core.terminal import table

_HEADINGS = ("", "MB", "p50 ms", "p99 ms", "fps", "CPU ms", "mAP50-95", "mAP50", "parity", "runs on", "memory MB")


def describe(figures: FormatsFigures) -> str:
    """Return the table for the terminal, what could not be done below it."""
    rows = [_HEADINGS, *(_cells(row) for row in figures.rows)]
    lines = [_machine(figures), f"{figures.model}: {_how(figures)}", "", *table(rows), ""]
    fastest = figures.fastest
    if fastest is None:
        lines.append("Nothing here passes.")
    else:
        proven = "" if fastest.passes else ", but nothing says whether it is as good as it must be"
        lines.append(f"* fastest here{proven}: {fastest.row.name}, {fastest.median('fps'):.1f} pictures a second")
    lines += [f"{row.row.name}: {row.status}: {row.why}" for row in figures.rows if row.why]
    lines += [f"{row.row.name}: {_too_much(row)}" for row in figures.rows if row.why is None and row.passes is False]
    lines += [f"Note on {row.row.name}: {note}" for row in figures.rows if row.why is None for note in row.notes]
    if (figures.others_cpu_percent or 0.0) >= OTHERS_PERCENT:
        lines.append(
            f"Note: other processes used up to {figures.others_cpu_percent:.0f} % of a core meanwhile, so compare "
            "lines and not machines."
        )
    return "\n".join(lines)


def _cells(figures: RowFigures) -> tuple[str, ...]:
    size = figures.bytes
    accuracy = figures.accuracy or {}
    runtime = figures.of_runtime("runtime")
    where = f"{runtime} {figures.of_runtime('device')} {figures.of_runtime('precision')}" if runtime else "-"
    return (
        f"{'*' if figures.is_fastest else ' '} {figures.row.name}",
        "-" if size is None else f"{size / 1e6:.1f}",
        _number(figures.median("latency_ms", "p50")),
        _number(figures.median("latency_ms", "p99")),
        _number(figures.median("fps")),
        _number(figures.median("picture_cpu_ms")),
        _number(accuracy.get("map50_95"), 3),
        _number(accuracy.get("map50"), 3),
        _parity(figures),
        where if figures.why is None else figures.status,
        _number(figures.median("rss_mb"), 0),
    )


def _parity(figures: RowFigures) -> str:
    if figures.parity is None:
        return "-"
    iou = _figure(figures.parity, "mean_iou")
    shown = "" if iou is None else f", IoU {iou:.3f}"
    return f"{'passed' if figures.parity['passed'] else 'refused'}{shown}"


def _figure(parity: dict[str, Any], name: str) -> float | None:
    """Return a figure of the gate's last stages, those of what users get first."""
    for stage in reversed(parity["stages"]):
        if name in stage["figures"]:
            value: float | None = stage["figures"][name]["value"]
            return value
    return None


def _too_much(figures: RowFigures) -> str:
    return f"it loses {figures.lost_points:.1f} points of mAP50-95, more than its precision may"


def _machine(figures: FormatsFigures) -> str:
    found = figures.to_json()["machine"]
    sets = f" ({', '.join(found['instruction_sets'])})" if found["instruction_sets"] else ""
    return f"{found['cpu']}, {found['cores']} cores{sets}, {found['system']}, {found['date']}"


def _how(figures: FormatsFigures) -> str:
    images = figures.to_json()["images"]
    measured = f", mAP on {images} pictures of {figures.data}" if images else ""
    rounds = f"medians of {figures.rounds} rounds in turn" if figures.rounds > 1 else "one round"
    return f"{rounds}, {figures.seconds:g} s each{measured}"


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def plot(figures: FormatsFigures, path: Path) -> None:
    """Draw mAP50-95 against latency, or latency alone where there are no labelled pictures.

    Raises:
        OutputError: when the file does not end in ``.svg`` or cannot be written.
    """
    measured = [row for row in figures.rows if row.rounds]
    subtitle = f"{_machine(figures)}; {_how(figures)}"
    latencies_ms = [(row, row.median("latency_ms", "p50") or 0.0) for row in measured]
    marks = [
        Mark(row.row.name, row.row.format, latency_ms, row.accuracy["map50_95"], row.is_fastest)
        for row, latency_ms in latencies_ms
        if row.accuracy and row.accuracy["map50_95"] is not None
    ]
    if marks:
        title = f"{Path(figures.model).name}: accuracy against latency"
        save_svg(plane_chart(title, subtitle, marks, x_label="latency p50, ms", y_label="mAP50-95"), path)
        return
    bars = [
        Bar(row.row.name, latency_ms, row.median("latency_ms", "p99"), strong=row.is_fastest)
        for row, latency_ms in latencies_ms
    ]
    save_svg(bar_chart(f"{Path(figures.model).name}: latency, p50 and p99", subtitle, bars, unit="ms"), path)
