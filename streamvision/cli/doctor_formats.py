"""What ``streamvision doctor`` says of the fastest form of a model: what was measured, or what would find it out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import streamvision
from streamvision.bench.formats.kept import KeptTable, kept_table
from streamvision.cli.doctor_check import Check
from streamvision.core.errors import ConfigError
from streamvision.inference.backends.probe import BackendReport

_NAME = "fastest format here"


def fastest_format(model: Path | None, backends: Sequence[BackendReport]) -> tuple[KeptTable | None, Check]:
    """Return what ``bench formats`` has kept of a model, or of any, and what is to be said of it.

    Args:
        model: a source or a file; ``None`` for the newest table.
        backends: the runtimes; what was measured with other versions counts no more.

    Raises:
        ConfigError: when the model cannot be read.
    """
    versions = {report.name: report.installed for report in backends if report.installed is not None}
    try:
        table = kept_table(model, versions | {"streamvision": streamvision.__version__})
    except OSError as error:
        raise ConfigError(f"{model} cannot be read ({error.strerror}); give a model file") from error
    if table is not None:
        return table, Check(_NAME, True, table.sentence())
    given = "MODEL" if model is None else shlex.quote(str(model))
    output = " --output formats" if model is None or model.suffix.lower() in (".pt", ".pth") else ""
    return None, Check(_NAME, False, f"not measured with these versions: streamvision bench formats {given}{output}")
