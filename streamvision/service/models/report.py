"""The report that an export left beside its artefact: whether it does what its source does."""

from __future__ import annotations

from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.core.reading import UnreadableError, read_json
from streamvision.inference.model_card import ModelCard

ENDING = ".parity.json"


def report_of(model: Path) -> Path:
    """Return where the report of a model's file is."""
    return model.with_name(f"{model.name}{ENDING}")


def check_report(model: Path, card: ModelCard) -> None:
    """Find out whether the report beside a model says that it does what its source does.

    Args:
        model: the model's file.
        card: its card, by its own class numbers.

    Raises:
        ConfigError: when there is none, it says something else, or it is of another model.
    """
    path = report_of(model)
    try:
        document = read_json(path)
    except UnreadableError as error:
        raise ConfigError(
            f"the report {path} {error}; export the model with streamvision, or prove it otherwise"
        ) from None
    parity = document.get("parity") if isinstance(document, dict) else None
    if not isinstance(parity, dict) or parity.get("passed") is not True:
        raise ConfigError(
            f"the report {path} does not say that the export passed; export it again, or prove it otherwise"
        )
    told = document.get("card")
    own = card.model_dump(mode="json", exclude_defaults=True)
    if not isinstance(told, dict) or any(told.get(key) != own.get(key) for key in ("head", "names", "input")):
        raise ConfigError(f"the report {path} is of another model than the file beside it; export it again")
