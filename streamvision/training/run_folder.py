"""What a training run leaves behind, and where."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.core.files import writing
from streamvision.core.folder_lock import locked

_EARLY = (
    *("recipe.yaml", "command.txt", "split.json", "data", "weights", "generated", "curves.csv", "args.yaml"),
    *("folds.json", "seeds.json", "fold-*", "seed-*", "search.json", "search-parts.json", "study.db*", "trials"),
)
"""What a run may have written when its first epoch, or that of a search, is not over yet."""
_COMMAND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")
"""Beginning of the first file that a run writes, by which its folder is known."""


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
        """The recipe with every default filled in; once it is there, the run can be gone on with."""
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
    """Make an empty run folder ``project/name``, and hold it; without a name the next free ``MODEL-N``.

    A run of that name that was killed before there was anything to keep gives way. Where the block ends in an error
    before there is (a checkpoint, or the trials of a search), what was made is removed again, the project's folder too.

    Raises:
        ConfigError: when the named folder already holds a run, or cannot be made.
    """
    wanted = project / name if name else project
    made = [folder for folder in (wanted, *wanted.parents) if not folder.exists()]
    try:
        root = wanted if name else _numbered(project, Path(model).stem)
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"no run folder can be made in {project} ({error.strerror}); give another --project"
        ) from error
    with held(root):
        folder = RunFolder(root.resolve())
        if name:
            _make_room(folder)
        before = set(root.iterdir())
        try:
            with writing(root, instead="give another --project"):
                folder.last.parent.mkdir(exist_ok=True)
            yield folder
        except BaseException:
            if not has_begun(folder.root):
                _remove(root, before, made if name else [root, *made])
            raise


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Keep other trainings out of a run folder.

    Raises:
        ConfigError: when one works in it, or the folder cannot be read.
    """
    busy = ConfigError(f"a training works in {root}; wait until it has ended, or give another --name")
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(root, busy))
        except OSError as error:
            raise ConfigError(f"{root} cannot be read ({error.strerror}); give another run") from error
        yield


def has_begun(root: Path) -> bool:
    """Say whether a folder holds an epoch that is over (of a run, of one of several, or of a trial), or a result."""
    return any((root / name).exists() for name in ("trials.csv", "summary.json", "lr_finder.csv")) or any(
        RunFolder(one).last.exists() for one in (root, *root.glob("fold-*"), *root.glob("seed-*"))
    )


def _make_room(folder: RunFolder) -> None:
    """Remove what a run left that was killed before its first epoch was over; files of others stay.

    Raises:
        ConfigError: when there is something to keep.
    """
    root, is_run = folder.root, _COMMAND.match(_beginning_of(folder.command)) is not None
    if has_begun(root) and (is_run or folder.recipe.exists()):
        raise ConfigError(f"{root} already holds a run; go on with --resume {root}, or give another --name")
    if is_run:
        _remove(root, {path for path in root.iterdir() if not any(path.match(name) for name in _EARLY)}, [])
    elif folder.recipe.exists():
        raise ConfigError(f"{root} holds a recipe.yaml that no run has left; move it, or give another --name")


def _beginning_of(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(80)
    except OSError:
        return ""


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
        ConfigError: when it holds no recipe, or weights are gone.
    """
    folder = RunFolder(path.resolve())
    if not folder.recipe.is_file():
        raise ConfigError(f"{path} is not the folder of a training run: it has no recipe.yaml")
    if not folder.last.exists() and has_begun(folder.root):
        raise ConfigError(f"the trial in {path} has ended, and its weights were not kept; start it anew")
    if folder.last.exists() and not folder.best.exists():
        raise ConfigError(
            f"{folder.best} is gone, which no later epoch may bring back; put it there, or start a new run"
        )
    return folder
