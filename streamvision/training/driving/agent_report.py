"""What a run of ``streamvision train-agent`` leaves for people: a card, and a report with curves and a drive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.files import write_whole
from streamvision.core.page_charts import Plotted, color_of
from streamvision.evaluation.report.measured import Drawn, Figure, Section, Shown, Table, drawn, write_measured
from streamvision.training.figures import OF_AGENTS as FIGURES
from streamvision.training.run_folder import RunFolder

_DRAWN = ("reward", "drive_s", "in_lane_s", "close_share")


@dataclass
class AgentDrive:
    """One held-out drive, step by step, and frames of it."""

    step_s: float
    speed_m_s: list[float] = field(default_factory=list)
    limit_m_s: list[float] = field(default_factory=list)
    gap_m: list[float] = field(default_factory=list)
    offset_m: list[float] = field(default_factory=list)
    frames: list[tuple[float, NDArray[Any]]] = field(default_factory=list)
    """Time in seconds, and (H, W, 3) RGB."""


def write_agent_card(folder: RunFolder, recipe: Any, summary: Mapping[str, Any], last: Mapping[str, float]) -> None:
    """Write ``MODEL_CARD.md``: what it is, what it learnt from, and how it drives on held-out roads."""
    lines = [
        "# Agent that drives, by reinforcement",
        "",
        f"- Sees by: `{recipe.perception}`, whose weights did not change.",
        f"- Learnt: PPO of stable-baselines3 in the drawn drive, {summary['steps']:,} steps of a tenth of a second on "
        f"{recipe.roads} roads, seed {recipe.seed}, in {summary['training_s'] / 60:.1f} minutes.",
        f"- Given while it learns: the truth of what that network sees, with noise of {recipe.noise:g} of its scale.",
        "- Gives: the steering, -1..1, and the wanted speed in m/s, of which a cruise control drives no more than the "
        "limit.",
        "- Not for cars: the road is drawn.",
        "",
        "## Figures on the held-out roads",
        "",
        f"| policy | {' | '.join(FIGURES.values())} |",
        "| --- |" + " --- |" * len(FIGURES),
        f"| best ({summary['best_epoch']}) | {_cells(summary)} |",
        f"| last | {_cells(last)} |",
        "",
        "They are of the truth with noise. What it is worth on frames, of which the network may see less, says "
        "`streamvision eval drive`; the best policy was chosen on these roads, so take others there.",
        *folder.command_section(),
    ]
    write_whole(folder.card, "\n".join(lines) + "\n")


def _cells(figures: Mapping[str, float]) -> str:
    return " | ".join(f"{figures[key]:.2f}" for key in FIGURES)


def write_agent_report(
    path: Path, recipe: Any, summary: Mapping[str, Any], rows: Sequence[Mapping[str, float]], trace: AgentDrive
) -> None:
    """Write one HTML page that needs nothing else: figures by step, a held-out drive of the best policy, the recipe."""
    best = rows[int(summary["best_epoch"]) - 1]
    proven = f"ONNX and torch: {summary['onnx_checked']}." if "onnx_checked" in summary else "No ONNX file was kept."
    write_measured(
        path,
        title="Agent that drives, by reinforcement",
        about=f"PPO, sees by {recipe.perception}",
        figures=[Figure(f"{summary[key]:.2f}", words, main=key == "reward") for key, words in FIGURES.items()],
        sentences=[
            f"Best after {best['steps']:,.0f} of {summary['steps']:,} steps, on roads that were held out.",
            proven,
        ],
        sections=[_over_steps(rows), _drive(trace), _recipe(recipe)],
        method=[
            "Measured on the truth of what the network sees, with noise; `streamvision eval drive` measures on frames.",
            "The best policy is that with the most reward here.",
        ],
    )


def _over_steps(rows: Sequence[Mapping[str, float]]) -> Section:
    return Section(
        "steps",
        "On the held-out roads",
        "After each round of learning.",
        tables=[
            Table(("steps", *FIGURES.values()), [(f"{row['steps']:.0f}", *map(row.get, FIGURES)) for row in rows]),
        ],
        charts=[
            _chart({FIGURES[key]: [(row["steps"], row[key]) for row in rows]}, x="steps", y=FIGURES[key])
            for key in _DRAWN
        ],
    )


def _drive(trace: AgentDrive) -> Section:
    over_time = {
        "speed (m/s)": {"driven": trace.speed_m_s, "limit": trace.limit_m_s},
        "to the car ahead (m)": {"gap": trace.gap_m},
        "right of the middle of the lane (m)": {"offset": trace.offset_m},
    }
    return Section(
        "drive",
        "A drive",
        "One held-out drive of the best policy, on the truth of what the network sees.",
        charts=[
            _chart(
                {
                    label: [(at * trace.step_s, value) for at, value in enumerate(values)]
                    for label, values in of.items()
                },
                x="time (s)",
                y=title,
            )
            for title, of in over_time.items()
        ],
        pictures=[
            Shown.of(np.ascontiguousarray(rgb[..., ::-1]), file="held-out road", words=f"after {time_s:.0f} s")
            for time_s, rgb in trace.frames
        ],
    )


def _chart(lines: Mapping[str, list[tuple[float, float]]], *, x: str, y: str) -> Drawn:
    plotted = [Plotted(label, color_of(at), points, joined=True) for at, (label, points) in enumerate(lines.items())]
    return drawn(plotted, x_title=x, y_title=y, title=y)


def _recipe(recipe: Any) -> Section:
    rows = [(key, str(value)) for key, value in recipe.model_dump().items()]
    return Section("recipe", "Recipe", "How it learnt.", tables=[Table(("setting", "value"), rows)])
