"""The ``metadata.yaml`` that lies beside a model whose own file has no place for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streamvision.core.errors import ModelError
from streamvision.core.reading import UnreadableError, read_yaml

METADATA_FILE = "metadata.yaml"


def read_metadata_beside(path: Path) -> dict[str, str]:
    """Return the metadata beside a model, as ultralytics and our exports write it; empty where there is none.

    Values that are no text are returned as JSON.

    Raises:
        ModelError: when there is such a file, but it is damaged.
    """
    file = path.with_name(METADATA_FILE)
    if not file.is_file():
        return {}
    try:
        document = read_yaml(file)
    except UnreadableError as error:
        raise ModelError(f"{file} is damaged: it {error}; export the model again or remove the file") from error
    if not isinstance(document, dict):
        raise ModelError(f"{file} is damaged (no mapping); export the model again or remove the file")
    return {str(k): v if isinstance(v, str) else json.dumps(_plain(v)) for k, v in document.items()}


def _plain(value: Any) -> Any:
    """Return what YAML has read as JSON can say it, keys that are dates and the like as text."""
    if isinstance(value, dict):
        return {key if isinstance(key, int) else str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (str, int, float)) else str(value)
