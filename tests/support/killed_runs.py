"""Training runs that end without warning, and go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.session import resume_training, start_training


@contextmanager
def killed_after(last: int) -> Iterator[None]:
    """Have the training inside end when an epoch is over, as by a signal."""
    own = TrainingProgress.end_epoch

    def end_epoch(self: TrainingProgress, *, epoch: int, **rest: Any) -> None:
        own(self, epoch=epoch, **rest)
        if epoch == last:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingProgress, "end_epoch", end_epoch)
        with pytest.raises(KeyboardInterrupt):
            yield


def killed_and_resumed(recipe: Recipe, project: Path, *, after: int) -> dict[str, Any]:
    """Train ``project/run``, killed when an epoch is over, and resumed; return the summary of the whole run."""
    run = project / "run"
    with killed_after(after):
        start_training(recipe, project=project, name="run", command="train")
    begun = (run / "curves.csv").read_text(encoding="utf-8")
    assert len(begun.splitlines()) == 1 + after
    summary = resume_training(run, command="train --resume")
    assert summary["beginning"] == f"began from nothing, went on after epoch {after}"
    assert (run / "curves.csv").read_text(encoding="utf-8").startswith(begun)
    return summary
