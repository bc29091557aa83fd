"""The labelling page beside running streams: of the folder into which their frames are collected."""

from __future__ import annotations

import logging

from streamvision.core.config.collect import CollectConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.labelling import Labelling
from streamvision.core.live import LiveView

_log = logging.getLogger(__name__)


def offer_labelling(view: LiveView, config: CollectConfig | None) -> None:
    """Let administrators label on the page what is collected; a folder that cannot be used is said, and no more.

    Args:
        view: what the page shows.
        config: where frames are collected; ``None``: nowhere.
    """
    if config is None:
        return
    from streamvision.datasets.collection import create_collection  # most runs collect nothing
    from streamvision.datasets.labelling import FolderLabelling

    try:
        view.labelling = FolderLabelling(create_collection(config.folder, ()).folder)
    except StreamVisionError as error:
        _log.warning("collected frames cannot be labelled on the page: %s", error)


def end_labelling(labelling: Labelling) -> None:
    """Let what is written at intervals be written; where that fails, the next who uses the folder does it."""
    try:
        labelling.close()
    except StreamVisionError as error:
        _log.warning("what was labelled is saved, but not yet in COCO: %s", error)
