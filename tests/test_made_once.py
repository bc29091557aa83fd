"""What several test processes need is made by one of them, whole or not at all (support/made_once.py)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from support.made_once import made_once

AT_ONCE = 4


def test_of_several_that_ask_at_once_one_makes_it_and_the_others_wait(tmp_path: Path) -> None:
    ready, makers = Barrier(AT_ONCE), []

    def make(folder: Path) -> None:
        makers.append(folder)
        folder.mkdir()
        for number in range(100):
            (folder / f"{number}.txt").write_text("whole")

    def ask() -> int:
        ready.wait(60)
        return len(list(made_once(tmp_path / "kept" / "files", make).iterdir()))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [asked.result(60) for asked in [pool.submit(ask) for _ in range(AT_ONCE)]]
    assert found == [100] * AT_ONCE
    assert len(makers) == 1


def test_what_could_not_be_made_leaves_nothing_and_is_made_by_the_next(tmp_path: Path) -> None:
    place = tmp_path / "one.txt"

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        made_once(place, fail)
    assert [path.name for path in tmp_path.iterdir()] == ["one.txt.lock"]
    made_once(place, lambda path: path.write_text("whole"))
    assert made_once(place, fail).read_text() == "whole"
