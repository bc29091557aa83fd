"""Streams that a command line names: they are added once, and what becomes of them later holds."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

from streamvision.service.layers import Layers, unused
from streamvision.service.patches import Plain
from streamvision.service.values import parsed_stream, suggested_id
from streamvision.state.streams import StoredStream

_log = logging.getLogger(__name__)


def with_given_streams(
    layers: Layers, documents: Sequence[Plain], given: Mapping[str, str]
) -> tuple[Layers, dict[str, str]]:
    """Return the layers with the streams that are named for the first time, and the id of each by its source.

    Args:
        layers: what is set.
        documents: the streams that the command line names.
        given: the ids of those that it named before: they are there, or were removed, which holds.

    Raises:
        ConfigError: when one is not accepted.
    """
    ids = dict(given)
    for document in documents:
        source = json.dumps(document["source"])
        if source in ids:
            if ids[source] not in layers.documents:
                _log.warning("stream %s was removed, and stays so; it can be added on the page", ids[source])
            continue
        config = parsed_stream(document, origin="command line")
        taken = layers.streams.keys() | layers.stored.keys()
        ids[source] = unused(suggested_id(config), taken)
        layers = layers.with_stream(StoredStream(ids[source], added=True, changes=dict(document)))
    return layers, ids
