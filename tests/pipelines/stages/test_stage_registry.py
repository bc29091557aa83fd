"""Stages are closed where one behind them is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.stages import registry
from pipelines.stages.base import FrameStage
from streamvision.core.errors import ConfigError


class _Opened(FrameStage):
    name = "opened"

    def __init__(self, closed: list[str], name: str) -> None:
        self._closed, self.name = closed, name

    def process(self, result: Any) -> None: ...

    def close(self) -> None:
        self._closed.append(self.name)


def _refused(_context: Any) -> FrameStage:
    raise ConfigError("this stage is refused")


@pytest.mark.parametrize("is_refused", [True, False])
def test_stages_before_one_that_is_refused_are_closed(monkeypatch: pytest.MonkeyPatch, is_refused: bool) -> None:
    closed: list[str] = []
    made = [
        lambda _context: _Opened(closed, "first"),
        lambda _context: None,
        lambda _context: _Opened(closed, "second"),
        _refused if is_refused else lambda _context: None,
    ]
    plugins = [SimpleNamespace(load=lambda factory=factory: factory) for factory in made]
    monkeypatch.setattr(registry, "FRAME_STAGES", SimpleNamespace(built_in=plugins))
    context: Any = SimpleNamespace()
    if not is_refused:
        assert [stage.name for stage in registry.build_stages(context)] == ["first", "second"]
        assert closed == []
        return
    with pytest.raises(ConfigError, match="refused"):
        registry.build_stages(context)
    assert closed == ["second", "first"]
