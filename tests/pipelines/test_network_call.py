"""How long a batch may be in the network, by what it is shown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pipelines.network_call import NetworkCall
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.inference_plan import FULL, InferencePlan
from streamvision.core.resampling import Window

TILED = InferencePlan("full", tiles=tuple(Window(0, 0, 2, 2) for _ in range(8)), slices=SlicesConfig(tiles="4x2"))


def call(*plans: InferencePlan) -> NetworkCall:
    batch: list[Any] = [SimpleNamespace(result=SimpleNamespace(plan=plan)) for plan in plans]
    return NetworkCall(batch, begin_s=100.0)


def test_a_picture_in_tiles_may_take_as_much_longer() -> None:
    assert call(FULL).turns == 1 and call(FULL, TILED).turns == 9 and call().turns == 1
    assert call(FULL, FULL).is_overdue(111.0, limit_s=10.0)
    assert not call(TILED).is_overdue(189.0, limit_s=10.0) and call(TILED).is_overdue(191.0, limit_s=10.0)
    waiting = call(FULL)
    waiting.begin_s = None
    assert not waiting.is_overdue(1e6, limit_s=10.0)
