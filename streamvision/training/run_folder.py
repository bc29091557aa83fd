"""What a training run leaves behind, and where."""

from __future__ import annotations

from pathlib import Path

from streamvision.core.errors import ConfigError


class RunFolder:
    """The files of one training run.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.last = root / "weights" / "last.pt"
        """Checkpoint of the newest epoch; resuming begins here."""
        self.best = root / "weights" / "best.pt"
        """Checkpoint of the best epoch on the held-out pictures."""
        self.recipe = root / "recipe.yaml"
        """The recipe with every default filled in."""
        self.command = root / "command.txt"
        """The exact command, one line per start (resumes included)."""
        self.split = root / "split.json"
        """Which picture belongs to which part."""
        self.data = root / "data"
        """The pictures (links) and labels in the form that the trainer reads."""
        self.curves_csv = root / "curves.csv"
        """Losses and figures, one epoch a line."""
        self.curves_png = root / "curves.png"
        """The same, drawn."""
        self.card = root / "MODEL_CARD.md"
        """The model card, for people."""
        self.summary = root / "summary.json"
        """The result, for programs."""


def new_run_folder(project: Path, name: str | None, *, model: str) -> RunFolder:
    """Make an empty run folder ``project/name``; without a name the next free ``MODEL-N``.

    Raises:
        ConfigError: when the named folder already holds a run.
    """
    if name:
        root = project / name
        if (root / "recipe.yaml").exists():
            raise ConfigError(f"{root} already holds a run; go on with --resume {root}, or give another --name")
        root.mkdir(parents=True, exist_ok=True)
    else:
        project.mkdir(parents=True, exist_ok=True)
        stem = Path(model).stem
        number = 1
        while True:
            root = project / f"{stem}-{number}"
            try:
                root.mkdir()
                break
            except FileExistsError:
                number += 1
    folder = RunFolder(root.resolve())
    folder.last.parent.mkdir(exist_ok=True)
    return folder


def existing_run_folder(path: Path) -> RunFolder:
    """Return the run folder that a killed run left, for resuming.

    Raises:
        ConfigError: when it holds no recipe or no checkpoint.
    """
    folder = RunFolder(path.resolve())
    if not folder.recipe.exists():
        raise ConfigError(f"{path} is not the folder of a training run: it has no recipe.yaml")
    if not folder.last.exists():
        raise ConfigError(f"{path} has no weights/last.pt: the run ended before its first epoch; start it anew")
    return folder
