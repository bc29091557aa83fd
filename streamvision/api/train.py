"""``run = streamvision.train("signs", model="yolox_nano")``: the command ``streamvision train``, for Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.core.notebook import picture_html, table_html
from streamvision.core.reading import MIB, UnreadableError, read_json
from streamvision.training.figures import shown, title
from streamvision.training.recipe import Augmentation, load_recipe
from streamvision.training.report import CurveFile
from streamvision.training.run_folder import RunFolder

PICTURES = ("results.png", "folds.png", "seeds.png", "search.png", "lr_finder.png", "curves.png")
"""What a run may have drawn; the first of them that is there is shown."""


class TrainingRun:
    """What a training left behind; a notebook shows its figures and curves.

    Args:
        folder: the run folder.
        summary: what ``streamvision train --json`` prints.
    """

    def __init__(self, folder: Path, summary: Mapping[str, Any]) -> None:
        self.folder = folder
        self.summary = summary

    @property
    def checkpoint(self) -> Path:
        """The checkpoint of the best epoch, to go on from, to explain and to export.

        Raises:
            ConfigError: when none was kept.
        """
        return self._kept("best", "a checkpoint")

    @property
    def model(self) -> Path:
        """The best epoch as an ONNX file with its model card, for :func:`streamvision.stream` and all others.

        Raises:
            ConfigError: when none was kept.
        """
        return self._kept("onnx", "an ONNX file")

    @property
    def generator(self) -> Path:
        """The file that makes pictures of latent numbers, for ``synthetic:generator?model=FILE``.

        Raises:
            ConfigError: when none was kept.
        """
        return self._kept("generator", "a generator")

    @property
    def figures(self) -> dict[str, float]:
        """Those of the best epoch on the held-out pictures, by name; none where nothing was held out."""
        found = {key: self.summary[key] for key in shown(self.summary)}
        return {key: value for key, value in found.items() if isinstance(value, (int, float))}

    def curves(self) -> list[dict[str, float]]:
        """Return losses, figures on the held-out pictures, learning rate and time, epoch by epoch."""
        return CurveFile(RunFolder(self.folder).curves_csv).rows()

    def _kept(self, key: str, what: str) -> Path:
        if not isinstance(self.summary.get(key), str):
            raise ConfigError(f"the run in {self.folder} has kept no {what.partition(' ')[2]}; train without a trial")
        return Path(self.summary[key])

    def _repr_html_(self) -> str:
        drawn = [self.folder / name for name in PICTURES if (self.folder / name).is_file()]
        picture = picture_html(drawn[0].read_bytes(), alt=f"curves of {self.folder.name}") if drawn else ""
        if not self.figures:
            return picture
        figures = self.figures
        head = tuple(title(key) for key in figures)
        return table_html([head, tuple(figures.values())], caption=f"{self.folder.name}, held-out pictures") + picture

    def __repr__(self) -> str:
        figures = "".join(f", {title(key)} {value:.3f}" for key, value in self.figures.items())
        return f"TrainingRun({self.folder.name}{figures})"


def train(
    data: str | Path | None = None,
    *,
    config: str | Path | None = None,
    project: str | Path = "runs/train",
    name: str | None = None,
    find_lr: bool = False,
    folds: int | None = None,
    seeds: int | None = None,
    tune: float | None = None,
    trials: int | None = None,
    trust_checkpoint: bool = False,
    **settings: Any,
) -> TrainingRun:
    """Train a model on labelled pictures; how far it is stands on stderr, as with ``streamvision train``.

    Args:
        data: folder of labelled pictures, or whatever else ``--data`` takes; ``None`` where the recipe, or the earlier
            run whose checkpoint is the model, says it.
        config: a recipe (YAML); the arguments win over it.
        project: folder of run folders.
        name: of the run folder; by default the model's name and a number.
        find_lr: only look for a good learning rate; weights are not kept.
        folds: train once for each of so many equal parts held out in turn.
        seeds: train with so many seeds, the same pictures held out.
        tune: search for so many hours for settings that are not given; ``summary["recipe"]`` is the best.
        trials: most trials of that search.
        trust_checkpoint: read a checkpoint that asks for more than networks need, which runs its author's code.
        settings: of a recipe, by their names there: ``model``, ``epochs``, ``imgsz``, ``lr``, ``freeze``,
            ``overfit``, ..., and those of ``augment``: ``flip``, ``mixup``, ...

    Raises:
        ConfigError: when a setting is not known or not accepted.
        StreamVisionError: when data or weights are refused, or the training fails.
    """
    from streamvision.training.beginning import begin, check_one_trial

    given = {key: value for key, value in settings.items() if value is not None}
    asked = {"find_lr": find_lr, "folds": folds, "seeds": seeds, "tune": tune}
    check_one_trial(asked | {"overfit": given.get("overfit")}, trials=trials)
    if data is not None:
        given["data"] = data
    said = given | {key: value for key, value in (asked | {"trials": trials}).items() if value}
    if augment := {key: given.pop(key) for key in Augmentation.model_fields if key in given}:
        given["augment"] = augment | given.get("augment", {})
    summary = begin(
        load_recipe(None if config is None else Path(config), given, origin="streamvision.train"),
        find_lr=find_lr,
        folds=folds,
        seeds=seeds,
        tune_hours=tune,
        trials=trials,
        project=Path(project),
        name=name,
        command=_in_words(said),
        trust_checkpoint=trust_checkpoint,
    )
    return TrainingRun(Path(summary["run"]), summary)


def open_run(folder: str | Path) -> TrainingRun:
    """Return a training that has ended, from its folder.

    Raises:
        ConfigError: when the folder holds none.
    """
    root = Path(folder).resolve()
    try:
        summary = read_json(RunFolder(root).summary, limit=16 * MIB)
    except UnreadableError as error:
        raise ConfigError(f"{folder} holds no training that has ended: it has no summary.json") from error
    if not isinstance(summary, dict):
        raise ConfigError(f"{folder} holds no training that has ended: its summary.json is not one")
    return TrainingRun(root, summary)


def _in_words(said: Mapping[str, Any]) -> str:
    """Return the call as the run folder notes it."""
    values = (f"{key}={(str(value) if isinstance(value, Path) else value)!r}" for key, value in said.items())
    return f"streamvision.train({', '.join(values)})"
