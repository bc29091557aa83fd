"""Pictures that earlier runs have kept, or somebody has labelled: what is seen again is not new."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import simplejpeg

from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.datasets.collection import Collection
from streamvision.datasets.collection_files import newest

MOST = 500
"""Of those that wait and of those that are labelled, the newest; a picture takes some milliseconds."""
LEAST_SIDE_PX = 128
"""They are decoded at an eighth to all of their size, no smaller than this."""
MOST_PIXELS = 100_000_000
"""A larger picture is passed over."""


def kept_before(collection: Collection) -> Iterator[BgrPicture]:
    """Yield pictures of a collection, small; those that cannot be read are left out."""
    for names in (collection.labelled_names(), collection.waiting_names()):
        for name in newest(names, MOST):
            with suppress(ConfigError, LookupError, ValueError):  # somebody may have decided on it meanwhile
                jpeg = collection.picture(name)
                height_px, width_px, _, _ = simplejpeg.decode_jpeg_header(jpeg)
                if height_px * width_px <= MOST_PIXELS:
                    side_px = min(LEAST_SIDE_PX, height_px, width_px)
                    bgr = simplejpeg.decode_jpeg(jpeg, "BGR", min_height=side_px, min_width=side_px)
                    yield BgrPicture(np.ascontiguousarray(bgr))
