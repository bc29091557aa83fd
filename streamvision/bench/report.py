"""Figures of the benchmarks in words for the terminal, and as charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.bench.model import ModelFigures
from streamvision.bench.pipeline import PipelineFigures
from streamvision.bench.soak import SoakFigures, SoakNote
from streamvision.bench.viewers import ViewerFigures
from streamvision.core.charts import Bar, Panel, bar_chart, panel_chart, save_svg
from streamvision.core.terminal import table

OTHERS_PERCENT = 10.0
"""From this much work of others on, a remark says that the figures are worth less."""


def describe_pipeline(figures: PipelineFigures) -> str:
    """Return the figures of a pipeline for the terminal."""
    rows: list[tuple[str, ...]] = [("stage", "p50 ms", "p95 ms", "p99 ms")]
    rows += [
        (stage, *(f"{times[name]:.2f}" for name in ("p50", "p95", "p99"))) for stage, times in figures.stages_ms.items()
    ]
    costs = figures.costs.to_json()
    parts = ", ".join(f"{name} {value:.1f}" for name, value in costs.items())
    lines = [
        f"{figures.model}, {figures.requests} requests at a time",
        f"{figures.fps:.1f} fps over {len(figures.streams)} stream(s) in {figures.seconds:.0f} s; "
        f"first frame after {figures.open_s + figures.first_frame_s:.2f} s, {figures.open_s:.2f} s of it for the model",
        f"bound {figures.bound_fps:.1f} fps ({figures.cores} cores; alone, ms of CPU a frame: {parts}; "
        f"whole frame {figures.frame_cpu_ms:.1f})",
        *([] if figures.gil_ms is None else [f"interpreter's lock held for {figures.gil_ms:.2f} ms a frame"]),
        f"efficiency {figures.efficiency:.2f}"
        + (f" of the {figures.offered_fps:.1f} fps offered" if _is_offered(figures) else ""),
        f"age p50 {1e3 * figures.age_s['p50']:.0f} ms, p95 {1e3 * figures.age_s['p95']:.0f} ms, "
        f"p99 {1e3 * figures.age_s['p99']:.0f} ms; CPU {figures.cpu_percent:.0f} %, memory {figures.rss_mb:.0f} MB",
        "",
        *table(rows),
    ]
    if len(figures.streams) > 1:
        rows = [("stream", "fps", "age p99 ms", "drops")]
        rows += [
            (s["id"], f"{s['fps']:.1f}", f"{1e3 * s['age_s'].get('p99', 0):.0f}", f"{sum(s['drops'].values())}")
            for s in figures.streams
        ]
        lines += ["", *table(rows)]
    return "\n".join([*lines, *_remark(figures.others_cpu_percent)])


def _is_offered(figures: PipelineFigures) -> bool:
    return figures.offered_fps is not None and figures.offered_fps < figures.bound_fps


def describe_model(figures: ModelFigures) -> str:
    """Return the figures of a model for the terminal."""
    rows: list[tuple[str, ...]] = [("stage", "p50 ms", "p95 ms", "p99 ms")]
    for stage, times in {**figures.stages_ms, "all": figures.latency_ms}.items():
        rows.append((stage, *(f"{times[name]:.2f}" for name in ("p50", "p95", "p99"))))
    width_px, height_px = figures.picture_px
    lines = [
        f"{figures.model}, one {width_px}x{height_px} picture over and over",
        f"{figures.fps:.1f} pictures/s with {figures.requests} requests at a time, {figures.picture_cpu_ms:.1f} ms of "
        f"CPU each; loaded in {figures.open_s:.2f} s, first picture {figures.first_s:.2f} s; {figures.rss_mb:.0f} MB",
        "",
        "one at a time:",
        *table(rows),
    ]
    return "\n".join([*lines, *_remark(figures.others_cpu_percent)])


def describe_viewers(figures: ViewerFigures) -> str:
    """Return the figures of many viewers for the terminal."""
    found = figures.to_json()
    fps = found["fps"]
    lines = [
        f"{figures.viewers} viewers of {figures.published_fps:.1f} fps, {figures.picture_kb:.0f} kB a picture, and "
        f"{figures.stalled} that never read",
        f"{figures.full_rate} at full rate; fps min {fps['min']:.1f}, median {fps['p50']:.1f}; {figures.lost} lost",
        f"server: {figures.cpu_percent:.0f} % of a core ({figures.idle_cpu_percent:.0f} % without viewers), "
        f"{figures.rss_mb:.0f} MB ({figures.added_mb:+.0f} MB with them); "
        f"picture sent after p99 {1e3 * figures.sent_age_s.get('p99', 0):.0f} ms",
    ]
    return "\n".join([*lines, *_remark(found["others_cpu_percent"])])


def describe_note(note: SoakNote) -> str:
    """Return one interval as one line."""
    age = "-" if note.age_p99_s is None else f"{1e3 * note.age_p99_s:.0f} ms"
    return (
        f"{note.seconds:8.0f} s  {note.fps:7.2f} fps  age p99 {age:>8}  {note.rss_mb:7.1f} MB  "
        f"CPU {note.cpu_percent:4.0f} %  {note.drops} dropped  {note.threads} threads"
    )


def describe_soak(figures: SoakFigures) -> str:
    """Return what a long run came to."""
    found = figures.to_json()
    growth = "not known after so few lines" if figures.growth_mb_per_hour is None else f"{found['growth_mb_per_hour']}"
    lines = [
        figures.model,
        f"{found['seconds']:.0f} s at {found['fps']} fps; memory grew by {growth} MB an hour; {found['drops']} dropped",
        *(f"failed: {failure}" for failure in figures.failures),
    ]
    return "\n".join(lines)


def _remark(others_percent: float | None) -> list[str]:
    if others_percent is None or others_percent < OTHERS_PERCENT:
        return []
    return ["", f"Note: other processes used {others_percent:.0f} % of a core meanwhile, so these figures are too low."]


def _subtitle(found: dict[str, Any]) -> str:
    machine = found["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['date']}"


def plot_pipeline(figures: PipelineFigures, path: Path) -> None:
    """Draw the time of each stage."""

    bars = [
        Bar(stage, times["p50"], times["p95"], f"{times['p50']:.1f} ms, p95 {times['p95']:.1f}")
        for stage, times in figures.stages_ms.items()
    ]
    title = f"{figures.fps:.1f} fps of at most {figures.bound_fps:.1f}: median time of each stage"
    save_svg(bar_chart(title, f"{figures.model}; {_subtitle(figures.to_json())}", bars, unit="ms"), path)


def plot_viewers(figures: ViewerFigures, path: Path) -> None:
    """Draw what each viewer got."""

    ranked = sorted(figures.fps)
    panel = Panel("fps of each viewer", list(range(1, len(ranked) + 1)), {"viewers": ranked})
    title = f"{figures.full_rate} of {figures.viewers} viewers at full rate, {figures.cpu_percent:.0f} % of a core"
    save_svg(panel_chart(title, _subtitle(figures.to_json()), [panel], x_label="viewers, the slowest first"), path)


def plot_soak(figures: SoakFigures, path: Path) -> None:
    """Draw rate, age and memory over time."""

    minutes = [note.seconds / 60 for note in figures.notes]
    ages = {"p50": [note.age_p50_s for note in figures.notes], "p99": [note.age_p99_s for note in figures.notes]}
    panels = [
        Panel("frames a second", minutes, {"fps": [note.fps for note in figures.notes]}),
        Panel("age, ms", minutes, {name: [_ms(age) for age in line] for name, line in ages.items()}),
        Panel("memory, MB", minutes, {"RSS": [note.rss_mb for note in figures.notes]}),
    ]
    title = f"{minutes[-1]:.0f} minutes: rate, age and memory"
    save_svg(panel_chart(title, f"{figures.model}; {_subtitle(figures.to_json())}", panels, x_label="minutes"), path)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds
