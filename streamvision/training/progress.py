"""What a training run tells the terminal: a line that moves, and one that stays for every epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping

from streamvision.core.terminal import TerminalLine
from streamvision.training.figures import in_words

REDRAW_S = 0.3


class TrainingProgress:
    """Writes to stderr only; the moving line only where stderr is a terminal."""

    def __init__(self) -> None:
        self._line = TerminalLine(redraw_s=REDRAW_S, log_every_s=None)
        self._epoch_begin_s = time.monotonic()

    def say(self, sentence: str) -> None:
        """Write a line that stays."""
        self._line.say(sentence)

    def begin_epoch(self) -> None:
        """Start the clock of an epoch."""
        self._epoch_begin_s = time.monotonic()

    def step(self, *, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None:
        """Show how far an epoch is; ``epoch`` and ``step`` are counted from 1."""
        left_s = (time.monotonic() - self._epoch_begin_s) / step * (steps - step)
        self._line.show(
            lambda: f"epoch {epoch}/{epochs}  step {step}/{steps}  loss {loss:.3f}  {left_s:.0f} s left in this epoch"
        )

    def end_epoch(self, *, epoch: int, epochs: int, figures: Mapping[str, float], best: bool) -> None:
        """Write an epoch's figures."""
        seconds = time.monotonic() - self._epoch_begin_s
        loss = sum(value for key, value in figures.items() if key.startswith("train_loss"))
        self.say(
            f"epoch {epoch}/{epochs}  loss {loss:.3f}  {in_words(figures, between='  ')}  {seconds:.0f} s"
            f"{'  best so far' if best else ''}"
        )
