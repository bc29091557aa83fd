"""What a run of ``streamvision train-agent`` leaves for people: curves and drives as a picture, a card, a report."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from streamvision.core.files import write_whole
from streamvision.training.run_folder import RunFolder

FIGURES = {
    "reward": "reward of a drive",
    "drive_s": "length of a drive (s)",
    "in_lane_s": "seconds in lane",
    "offset_m": "m beside the middle",
    "close_share": "share of time too close",
}
"""What is measured on held-out roads, by the names in ``curves.csv``."""
_DRAWN = ("reward", "drive_s", "in_lane_s", "close_share")


@dataclass
class DriveTrace:
    """One held-out drive, step by step, and frames of it."""

    step_s: float
    speed_m_s: list[float] = field(default_factory=list)
    limit_m_s: list[float] = field(default_factory=list)
    gap_m: list[float] = field(default_factory=list)
    offset_m: list[float] = field(default_factory=list)
    frames: list[tuple[float, NDArray[Any]]] = field(default_factory=list)
    """Time in seconds, and (H, W, 3) RGB."""


def draw_agent_results(path: Path, rows: Sequence[Mapping[str, float]], trace: DriveTrace) -> None:
    """Draw the curves over the steps of the car, and one held-out drive of the best policy below them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 9.5), layout="constrained")
    parts: Any = figure.subfigures(3, 1, height_ratios=[3.2, 3, 2.4])
    above, middle, below = parts
    for axis, key in zip(above.subplots(1, len(_DRAWN)), _DRAWN, strict=True):
        axis.plot([row["steps"] for row in rows], [row[key] for row in rows], marker=".")
        axis.set(title=FIGURES[key], xlabel="steps")
        axis.grid(alpha=0.3)
    middle.suptitle("A held-out drive of the best policy, on the truth of what a network sees", fontsize=10)
    times = [at * trace.step_s for at in range(len(trace.speed_m_s))]
    for axis, (title, lines) in zip(
        middle.subplots(1, 3),
        {
            "speed (m/s)": {"driven": trace.speed_m_s, "limit": trace.limit_m_s},
            "to the car ahead (m)": {"gap": trace.gap_m},
            "right of the middle of the lane (m)": {"offset": trace.offset_m},
        }.items(),
        strict=True,
    ):
        for label, values in lines.items():
            axis.plot(times, values, label=label)
        axis.set(title=title, xlabel="s")
        axis.grid(alpha=0.3)
        if len(lines) > 1:
            axis.legend(fontsize=8)
    for axis, (time_s, rgb) in zip(
        below.subplots(1, max(len(trace.frames), 1), squeeze=False)[0], trace.frames, strict=False
    ):
        axis.imshow(rgb)
        axis.set(title=f"after {time_s:.0f} s")
        axis.axis("off")
    figure.savefig(path, dpi=90)


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
    path: Path, recipe: Any, summary: Mapping[str, Any], rows: Sequence[Mapping[str, float]], picture: Path
) -> None:
    """Write one HTML page that needs nothing else: figures by step, curves and a drive, and the recipe."""
    columns = ("steps", *FIGURES)
    head = "".join(f"<th>{html.escape(FIGURES.get(key, key))}</th>" for key in columns)
    body = "".join(
        f"<tr{' class=best' if row['epoch'] == summary['best_epoch'] else ''}>"
        + "".join(f"<td>{row[key]:,.0f}</td>" if key == "steps" else f"<td>{row[key]:.2f}</td>" for key in columns)
        + "</tr>"
        for row in rows
    )
    settings = "".join(
        f"<tr><th>{html.escape(key)}</th><td>{html.escape(str(value))}</td></tr>"
        for key, value in asdict(recipe).items()
    )
    best_steps = rows[int(summary["best_epoch"]) - 1]["steps"]
    drawn = base64.b64encode(picture.read_bytes()).decode("ascii")
    proven = f"ONNX and torch: {summary['onnx_checked']}." if "onnx_checked" in summary else "No ONNX file was kept."
    write_whole(
        path,
        f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Agent that drives</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b2430 }}
img {{ max-width: 100% }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #d8dee6 }}
.best td {{ font-weight: 600; background: #e9f6ec }}
</style>
<h1>Agent that drives, by reinforcement</h1>
<p>Best after {best_steps:,.0f} of {summary["steps"]:,} steps, on roads that were held out. {html.escape(proven)}</p>
<img alt="Curves over the steps, and a drive" src="data:image/png;base64,{drawn}">
<h2>On the held-out roads</h2><table><tr>{head}</tr>{body}</table>
<h2>Recipe</h2><table>{settings}</table>
</html>
""",
    )
