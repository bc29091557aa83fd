"""Reads the fixes of ``freeGPS`` blocks: whichever layout a block has."""

from __future__ import annotations

import statistics
import struct
from collections.abc import Callable, Sequence
from itertools import islice
from typing import BinaryIO

from streamvision.core.position import Fix
from streamvision.gps.containers.format import Readings
from streamvision.gps.containers.freegps import special
from streamvision.gps.containers.freegps.blocks import MAX_BLOCKS, Block, found_blocks, indexed_blocks, media_times
from streamvision.gps.containers.freegps.layout import (
    AKASO,
    ANTICLOCK,
    DOUBLES,
    STANDARD,
    VANTRUE_N4,
    VANTRUE_S1,
    VIOFO,
    FixedLayout,
)

Layout = FixedLayout | Callable[[bytes], "list[Fix] | None"]
MIN_BLOCK_BYTES = 82
"""The shortest block with a fix."""

INDEXED: tuple[Layout, ...] = (
    special.azdome,
    special.nextbase_text,
    VIOFO,
    AKASO,
    special.shifted_text,
    special.encrypted,
    VANTRUE_S1,
    special.iqs,
    special.transcend,
    STANDARD,
    special.atc_ring,
    DOUBLES,
    special.innovv,
    VANTRUE_N4,
    special.seventy_mai,
    special.nextbase_records,
)
"""In this order they are tried on the blocks of an index."""
FOUND: tuple[Layout, ...] = (
    special.atc_ring,
    DOUBLES,
    special.iqs,
    special.transcend,
    STANDARD,
    ANTICLOCK,
    special.innovv,
    VANTRUE_N4,
    special.azdome,
    special.nextbase_text,
    VIOFO,
    special.shifted_text,
    special.encrypted,
    VANTRUE_S1,
    special.seventy_mai,
    special.nextbase_records,
)
"""In this order they are tried on blocks that were searched for: cameras without an index write other layouts."""


def read_indexed(file: BinaryIO) -> Readings | None:
    """Return the fixes of the blocks that the index names; ``None`` where it names none."""
    blocks = indexed_blocks(file)
    return _readings(file, blocks, INDEXED) if any(blocks) else None


def read_found(file: BinaryIO) -> Readings | None:
    """Return the fixes of blocks in a file that has no index of them; ``None`` where there are none."""
    if any(indexed_blocks(file)):
        return None
    blocks = list(islice(found_blocks(file), MAX_BLOCKS))
    return _readings(file, blocks, FOUND) if blocks else None


def block_fixes(block: bytes) -> list[Fix]:
    """Return the fixes of one block, which begins with its size; none where its layout is not known."""
    return _decoded(block, FOUND)[1] if len(block) >= MIN_BLOCK_BYTES else []


def _readings(file: BinaryIO, blocks: Sequence[Block | None], layouts: Sequence[Layout]) -> Readings:
    times = media_times(file, [None if block is None else block.start for block in blocks])
    fixes: list[Fix] = []
    camera_minus_utc_s: list[float] = []
    ring_unix_s = 0.0
    for block, media_s in zip(blocks, times, strict=True):
        if block is None or len(block.content) < MIN_BLOCK_BYTES:
            continue
        layout, found = _decoded(block.content, layouts)
        if layout is special.atc_ring:
            found = special.newer(found, ring_unix_s)
            ring_unix_s = found[-1].unix_s or ring_unix_s if found else ring_unix_s
        if layout is special.nextbase_text and found and found[0].unix_s is not None:
            camera_unix_s = special.camera_clock_unix_s(block.content)
            camera_minus_utc_s += [] if camera_unix_s is None else [camera_unix_s - found[0].unix_s]
        fixes += special.at_media_time(found, media_s)
    return Readings(
        fixes=tuple(fixes),
        camera_minus_utc_s=statistics.median(camera_minus_utc_s) if camera_minus_utc_s else None,
        may_be_local=not camera_minus_utc_s,
    )


def _decoded(block: bytes, layouts: Sequence[Layout]) -> tuple[Layout | None, list[Fix]]:
    for layout in layouts:
        try:
            fixes = _tried(block, layout)
        except struct.error:  # too short for this one
            continue
        if fixes is not None:
            return layout, fixes
    return None, []


def _tried(block: bytes, layout: Layout) -> list[Fix] | None:
    if not isinstance(layout, FixedLayout):
        return layout(block)
    if layout.test.match(block) is None:
        return None
    fix = layout.read(block)
    return [] if fix is None else [fix]
