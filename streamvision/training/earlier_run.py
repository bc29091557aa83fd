"""What a run takes over from the earlier one whose weights it begins from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.checkpoints.other_classifiers import is_user_code
from streamvision.core.config.section import read_yaml
from streamvision.core.errors import ConfigError
from streamvision.training.families import trainer_of
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

_ITS_OWN = frozenset({"model", "weights", "partial_weights", "init_classes", "hours", "split"})
"""Settings that say how the earlier run began, and nothing of the one that goes on from it."""


def run_of_weights(document: dict[str, Any]) -> RunFolder | None:
    """Return the run folder whose weights a recipe begins from; ``None`` where they are of no run of ours."""
    path = _weights_in_a_run(document)
    folder = RunFolder(path.parent.parent) if path is not None else None
    return folder if folder is not None and folder.recipe.is_file() and folder.split.is_file() else None


def _weights_in_a_run(document: dict[str, Any]) -> Path | None:
    """Return the weights that a recipe begins from where they lie as a run's do, whether or not they are there."""
    given = document.get("weights") or document.get("model")
    path = Path(given).expanduser() if isinstance(given, str | Path) else None
    return path if path is not None and path.suffix == ".pt" and path.parent.name == "weights" else None


def with_earlier_run(document: dict[str, Any], *, origin: str) -> dict[str, Any]:
    """Return a recipe that has no data of its own with those of the run whose weights it begins from.

    Its data, what it held out, what was added to it and its other settings are taken over; what the recipe itself says
    wins, and what it adds is added to the former.

    Args:
        document: keys of :class:`Recipe`, not yet checked.
        origin: where they were given, for errors.

    Raises:
        ConfigError: when the recipe of that run cannot be read, its weights are not there, or another part is to be
            held out.
    """
    if document.get("data") is not None:
        return document
    weights = _weights_in_a_run(document)
    if weights is not None and not weights.is_file():
        raise ConfigError(
            f"{origin}: there are no weights at {weights}; give those of a run, such as runs/train/RUN/weights/best.pt"
        )
    folder = run_of_weights(document)
    if folder is None:
        return document
    earlier = read_yaml(folder.recipe, Recipe, kind="recipe")
    if not isinstance(earlier.get("model"), str) or not isinstance(earlier.get("add", []), list):
        raise ConfigError(f"{folder.recipe} is not the recipe of a run; give --data, and other weights or another run")
    if document.get("fold") not in (None, earlier.get("fold")):
        raise ConfigError(
            f"what the run in {folder.root} held out stays held out, and fold asks for another part; leave it out, or "
            "begin anew with --data"
        )
    kept = {key: value for key, value in earlier.items() if key not in _ITS_OWN and value is not None}
    added = dict.fromkeys(str(path) for path in (*earlier.get("add", []), *document.get("add", ())))
    joined = kept | {"split": folder.split} | document | {"add": tuple(added)}
    if is_user_code(earlier["model"]) and document.get("weights") is None:
        raise ConfigError(
            f"the run in {folder.root} is of the code {earlier['model']!r}; if that is yours, name it too: --model "
            f"{earlier['model']} --weights {weights}"
        )
    if trainer_of(earlier["model"]).load is not None and document.get("weights") is None:
        joined |= {"model": earlier["model"], "weights": document["model"]}
    return joined
