"""What a training run leaves behind, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streamvision.core.errors import ConfigError


@dataclass(frozen=True)
class RunFolder:
    """The files of one training run."""

    root: Path

    @property
    def last(self) -> Path:
        """Checkpoint of the newest epoch; resuming begins here."""
        return self.root / "weights" / "last.pt"

    @property
    def best(self) -> Path:
        """Checkpoint of the best epoch on the held-out pictures."""
        return self.root / "weights" / "best.pt"

    @property
    def recipe(self) -> Path:
        """The recipe with every default filled in."""
        return self.root / "recipe.yaml"

    @property
    def command(self) -> Path:
        """The exact command, one line per start (resumes included)."""
        return self.root / "command.txt"

    @property
    def split(self) -> Path:
        """Which picture belongs to which part."""
        return self.root / "split.json"

    @property
    def data(self) -> Path:
        """The pictures (links) and labels in the form that the trainer reads."""
        return self.root / "data"

    @property
    def curves_csv(self) -> Path:
        """Losses and figures, one epoch a line."""
        return self.root / "curves.csv"

    @property
    def curves_png(self) -> Path:
        """The same, drawn."""
        return self.root / "curves.png"

    @property
    def card(self) -> Path:
        """The model card, for people."""
        return self.root / "MODEL_CARD.md"

    @property
    def summary(self) -> Path:
        """The result, for programs."""
        return self.root / "summary.json"


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


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file so that a kill at any moment leaves either the old or the new one, whole."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    partial.replace(path)
