"""What ultralytics models begin from; nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.core.errors import ConfigError

RELEASES = "https://github.com/ultralytics/assets/releases"


def resolve_weights(model: str) -> str:
    """Return the weights file, or the architecture (``NAME.yaml``) to begin from nothing.

    A name without an ending stands for the file NAME.pt in the present folder.

    Raises:
        ConfigError: when there is no such file, saying where to put it.
    """
    path = Path(model).expanduser()
    if path.suffix in {".yaml", ".yml"}:
        return model
    if path.suffix == "":
        path = path.with_suffix(".pt")
    if path.is_file():
        return str(path.resolve())
    raise ConfigError(
        f"there are no weights at {path}, and nothing is downloaded unasked: put the file there (ultralytics' own are "
        f"at {RELEASES}), give another with --model, or begin from nothing with --model {path.stem}.yaml"
    )


def read_checkpoint(path: str) -> Any:
    """Return the network of a checkpoint.

    Raises:
        ConfigError: when the file is none.
    """
    from ultralytics.nn.tasks import load_checkpoint

    try:
        return load_checkpoint(path)[0]
    except Exception as error:  # unpickling raises whatever the file's content leads to
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(f"{path} is not a checkpoint that ultralytics can load ({first}); give another") from error
