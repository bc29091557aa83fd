"""The figures of a track evaluation as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamvision.core.errors import ConfigError, MissingDependencyError, OutputError
from streamvision.evaluation.tracks.evaluate import TrackEvaluation
from streamvision.evaluation.tracks.metrics import ALPHAS, add_counts

SHOWN = ("HOTA", "IDF1", "MOTA")
ENDINGS = (".png", ".svg", ".pdf")


def plot(evaluation: TrackEvaluation, path: Path, *, title: str) -> None:
    """Draw the figures of each sequence, and HOTA over the overlap that is asked for.

    Raises:
        ConfigError: when the file's ending is of no picture.
        MissingDependencyError: when matplotlib is not installed.
        OutputError: when the file cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"--plot {path}: give a name that ends in {', '.join(ENDINGS)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("a plot needs matplotlib: pip install '.[eval]'") from error
    combined = add_counts(evaluation.counts.values())
    rows = {**evaluation.counts, "combined": combined}
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    bars, curve = figure.subplots(1, 2, width_ratios=[2, 1])
    place = np.arange(len(rows))
    for number, name in enumerate(SHOWN):
        values = [one.figures()[name] for one in rows.values()]
        drawn = bars.bar(place + (number - 1) * 0.27, values, width=0.25, label=name)
        bars.bar_label(drawn, fmt="%.0f", fontsize=7)
    bars.set_xticks(place, list(rows), rotation=20, ha="right")
    bars.margins(y=0.18)
    bars.set(ylabel="%", title=title)
    bars.legend(ncols=len(SHOWN), frameon=False)
    for name, one in rows.items():
        last = name == "combined"
        curve.plot(ALPHAS, 100 * one.hota(), label=name, color="black" if last else None, linewidth=2.5 if last else 1)
    curve.set(xlabel="overlap asked for", ylabel="HOTA, %", xlim=(0, 1), ylim=(0, None), title="HOTA by overlap")
    curve.legend(fontsize=7, frameon=False)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); give another file") from error
