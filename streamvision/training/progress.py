"""How far a run is, on stderr: a line that moves on a terminal, and one every some seconds in a file."""

from __future__ import annotations

import time
from collections.abc import Mapping

from streamvision.core.terminal import TerminalLine
from streamvision.training.figures import in_words

REDRAW_S = 0.1
LOG_EVERY_S = 15.0


class TrainingProgress:
    """Writes to stderr how far a run is.

    Args:
        log_every_s: shortest time between two lines of progress where stderr is no terminal.
    """

    def __init__(self, *, log_every_s: float = LOG_EVERY_S) -> None:
        self._line = TerminalLine(redraw_s=REDRAW_S, log_every_s=log_every_s)
        self._epoch_begin_s = time.monotonic()
        self._epoch_s: float | None = None

    def say(self, sentence: str) -> None:
        """Write a line that stays."""
        self._line.say(sentence)

    def begin_epoch(self) -> None:
        """Start the clock of an epoch."""
        self._epoch_begin_s = time.monotonic()

    def step(self, *, epoch: int, epochs: int, step: int, steps: int, loss: float, pictures: int, rate: float) -> None:
        """Show how far an epoch is, after each batch.

        Args:
            epoch: counted from 1.
            epochs: how many there will be.
            step: the batch, counted from 1.
            steps: batches in an epoch.
            loss: mean of the epoch so far.
            pictures: in a batch.
            rate: learning rate.
        """
        spent_s = time.monotonic() - self._epoch_begin_s
        left_s = spent_s / step * (steps - step)
        # What an epoch takes besides, measuring the held-out pictures, is known after the first.
        whole_s = self._epoch_s or spent_s + left_s
        self._line.show(
            lambda: (
                f"epoch {epoch}/{epochs}  batch {step}/{steps}  loss {loss:.3f}  lr {rate:.2g}  "
                f"{step * pictures / max(spent_s, 1e-6):.1f} pictures/s  {clock(left_s)} left in this epoch, "
                f"{clock(max(whole_s - spent_s, left_s) + whole_s * (epochs - epoch))} in all"
            )
        )

    def end_epoch(self, *, epoch: int, epochs: int, figures: Mapping[str, float], best: bool) -> None:
        """Write an epoch's figures."""
        self._epoch_s = time.monotonic() - self._epoch_begin_s
        loss = sum(value for key, value in figures.items() if key.startswith("train_loss"))
        self.say(
            f"epoch {epoch}/{epochs}  loss {loss:.3f}  {in_words(figures, between='  ')}  {self._epoch_s:.0f} s"
            f"{'  best so far' if best else ''}"
        )


def clock(seconds: float) -> str:
    """Return a time as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
