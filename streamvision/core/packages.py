"""The other two packages of this project, ``pipelines`` and ``exporters``: their names are common ones."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from streamvision.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
"""The folder in which all three packages are installed."""


def check_packages() -> None:
    """Make sure that ``pipelines`` and ``exporters`` are those of this project.

    Raises:
        ConfigError: naming the file or folder of the same name that Python finds first.
    """
    for name in ("pipelines", "exporters"):
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec is not None and spec.origin else None
        if found == ROOT / name / "__init__.py":
            continue
        where = "nothing" if found is None else f"{found.parent if found.name == '__init__.py' else found}"
        raise ConfigError(
            f"{where} is imported as {name!r} and hides StreamVision's own package {ROOT / name}: rename it, or keep "
            "its folder off sys.path"
        )
