"""The bundle of an artefact that an export has just proven."""

from __future__ import annotations

from pathlib import Path

from exporters.base import Target, UnverifiedArtifact
from exporters.bundle.build import Bundle, make_bundle
from streamvision.inference.card_reader import read_card

_ENDING = "-bundle"


def bundle_exported(draft: UnverifiedArtifact, target: Target, *, picture: Path | None = None) -> Bundle:
    """Put a proven artefact into a bundle beside it, named after it.

    Formats that this machine cannot run, such as Core ML, are executed by what the gate has compared.

    Args:
        draft: the artefact in its place.
        target: what made it.
        picture: what the golden vectors show; by default a frame of the drawn drive.

    Raises:
        ExportError: as :func:`exporters.bundle.make_bundle`.
        OutputError: as there.
    """
    backend = target.open(draft)
    try:
        card = read_card(backend, path=draft.path)
        folder = draft.path.with_name(f"{draft.path.name}{_ENDING}")
        return make_bundle(draft.path, folder, backend=backend, card=card, picture=picture)
    finally:
        backend.close()
