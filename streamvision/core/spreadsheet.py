"""Cells of CSV files that people open in a spreadsheet."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[=+\-@\t\r])")
"""Where a formula begins: in a cell, and where a spreadsheet that splits at other signs sees one begin."""


def without_formula(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula, whatever sign it splits at.

    >>> without_formula("gate;=1+1"), without_formula(-1)
    ("gate;'=1+1", -1)
    """
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell
