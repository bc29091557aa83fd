"""Modules whose objects no collection of garbage looks through."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from streamvision.core.importing import import_uncollected

MODULE = "import gc\nWAS_ENABLED = gc.isenabled()\nTABLE = {str(key): [key] for key in range(1000)}\n"


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "much_at_a_time.py").write_text(MODULE)
    (tmp_path / "broken_at_once.py").write_text("import gc\nassert gc.isenabled(), 'stops here'\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("much_at_a_time", "broken_at_once"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "much_at_a_time"


def test_what_a_module_brings_is_passed_over_by_collections(named: str) -> None:
    before = gc.get_freeze_count()
    module = import_uncollected(named)
    assert (module.WAS_ENABLED, gc.isenabled()) == (False, True)
    assert gc.get_freeze_count() >= before + 1000
    assert not any(one is module.TABLE for one in gc.get_objects())


def test_a_module_that_is_there_is_given_and_nothing_else_kept(named: str) -> None:
    module = import_uncollected(named)
    passed_over = gc.get_freeze_count()
    assert import_uncollected(named) is module
    assert gc.get_freeze_count() <= passed_over


def test_collections_go_on_after_a_module_that_cannot_be_imported(named: str) -> None:
    with pytest.raises(AssertionError, match="stops here"):
        import_uncollected("broken_at_once")
    assert gc.isenabled()


def test_who_collects_by_himself_goes_on_doing_so(named: str) -> None:
    gc.disable()
    try:
        import_uncollected(named)
        assert not gc.isenabled()
    finally:
        gc.enable()
