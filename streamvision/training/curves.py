"""Losses and figures by epoch: a CSV file that survives kills, and its picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streamvision.training.figures import PLOTTED
from streamvision.training.run_folder import write_atomically


@dataclass(frozen=True)
class CurveFile:
    """One line per epoch; epochs are counted from 1."""

    path: Path

    def rows(self) -> list[dict[str, float]]:
        """Return the lines in order; none where the file is not there."""
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            return [{key: float(value or "nan") for key, value in row.items()} for row in csv.DictReader(file)]

    def append(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Add an epoch; lines of this and later epochs, left by a run that was killed, give way."""
        rows = [row for row in self.rows() if row["epoch"] < epoch]
        rows.append({"epoch": epoch, **figures})
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
        write_atomically(self.path, text.getvalue())

    def draw(self, path: Path) -> None:
        """Draw losses, figures and learning rate over the epochs as a PNG."""
        from matplotlib.figure import Figure

        rows = self.rows()
        epochs = [row["epoch"] for row in rows]
        groups = {
            "loss, training": [k for k in rows[0] if k.startswith("train_loss")] if rows else [],
            "loss, held out": [k for k in rows[0] if k.startswith("val_loss")] if rows else [],
            "held-out pictures": [key for key in PLOTTED if any(key in row for row in rows)],
            "learning rate": ["lr"],
        }
        figure = Figure(figsize=(14, 3.6), layout="constrained")
        axes = figure.subplots(1, len(groups))
        for axis, (title, columns) in zip(axes, groups.items(), strict=True):
            for column in columns:
                values = [row.get(column, float("nan")) for row in rows]
                label = column.replace("train_loss_", "").replace("val_loss_", "")
                axis.plot(epochs, values, marker=".", label=label)
            axis.set(title=title, xlabel="epoch")
            axis.grid(alpha=0.3)
            if len(columns) > 1:
                axis.legend(fontsize=8)
        figure.savefig(path, dpi=110)
