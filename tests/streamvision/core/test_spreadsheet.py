"""Cells that a spreadsheet would compute."""

from __future__ import annotations

import pytest

from streamvision.core.spreadsheet import without_formula


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "gate;=1+1", "a\t@x", "a\n-2", "\t=1"])
def test_no_part_of_a_cell_begins_as_a_formula(cell: str) -> None:
    shown = str(without_formula(cell))
    parts = shown.replace("\t", ";").replace("\n", ";").split(";")
    assert not any(part.startswith(("=", "+", "-", "@")) for part in parts)
    assert shown.replace("'", "") == cell


@pytest.mark.parametrize("cell", ["gate", "a-b", "x=1;y=-2", -1.5, None])
def test_everything_else_stays(cell: object) -> None:
    assert without_formula(cell) == cell
