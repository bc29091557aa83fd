"""What a training run leaves behind, and where."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
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
        self.results_png = root / "results.png"
        """Curves, and what the best epoch says of held-out pictures."""
        self.report = root / "report.html"
        """The same with all figures as one page, of agents."""
        self.card = root / "MODEL_CARD.md"
        """The model card, for people."""
        self.summary = root / "summary.json"
        """The result, for programs."""

    def command_section(self) -> list[str]:
        """Return the last lines of a card, which say what to type for the same run; the first is empty."""
        return ["", "## Command", "", "```", self.command.read_text(encoding="utf-8").rstrip(), "```"]


@contextmanager
def new_run_folder(project: Path, name: str | None, *, model: str) -> Iterator[RunFolder]:
    """Make an empty run folder ``project/name``; without a name the next free ``MODEL-N``.

    Where the block ends in an error before there is anything to keep (a checkpoint, or the trials of a search), what
    was made is removed again, the project's folder too.

    Raises:
        ConfigError: when the named folder already holds a run, or cannot be made.
    """
    wanted = project / name if name else project
    made = [folder for folder in (wanted, *wanted.parents) if not folder.exists()]
    try:
        root = _named(wanted) if name else _numbered(project, Path(model).stem)
        before = set(root.iterdir())
    except OSError as error:
        raise ConfigError(
            f"no run folder can be made in {project} ({error.strerror}); give another --project"
        ) from error
    folder = RunFolder(root.resolve())
    folder.last.parent.mkdir(exist_ok=True)
    try:
        yield folder
    except BaseException:
        if not has_begun(folder.root):
            _remove(root, before, made if name else [root, *made])
        raise


def has_begun(root: Path) -> bool:
    """Say whether a folder holds an epoch that is over: of a run, of one of several, or of a trial."""
    return (root / "trials.csv").exists() or any(
        RunFolder(one).last.exists() for one in (root, *root.glob("fold-*"), *root.glob("seed-*"))
    )


def _named(root: Path) -> Path:
    if (root / "recipe.yaml").exists():
        if has_begun(root):
            raise ConfigError(f"{root} already holds a run; go on with --resume {root}, or give another --name")
        raise ConfigError(f"{root} holds a run that ended before its first epoch; remove it, or give another --name")
    root.mkdir(parents=True, exist_ok=True)
    return root


def _numbered(project: Path, stem: str) -> Path:
    project.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        root = project / f"{stem}-{number}"
        try:
            root.mkdir()
        except FileExistsError:
            continue
        return root
    raise AssertionError("unreachable")


def _remove(root: Path, before: set[Path], made: list[Path]) -> None:
    """Remove what a run wrote that did not begin, and the folders that were made for it, innermost first."""
    for path in set(root.iterdir()) - before:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):  # somebody else's files are in there
        for folder in made:
            folder.rmdir()


def existing_run_folder(path: Path) -> RunFolder:
    """Return the run folder that a killed run left, for resuming.

    Raises:
        ConfigError: when it holds no recipe or no checkpoint.
    """
    folder = RunFolder(path.resolve())
    if not folder.recipe.exists():
        raise ConfigError(f"{path} is not the folder of a training run: it has no recipe.yaml")
    if folder.summary.exists() and not folder.last.exists():
        raise ConfigError(f"the trial in {path} has ended, and its weights were not kept; start it anew")
    if not folder.last.exists():
        raise ConfigError(f"{path} has no weights/last.pt: the run ended before its first epoch; start it anew")
    return folder
