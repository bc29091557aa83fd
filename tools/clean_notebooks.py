"""Takes outputs and all that changes by itself out of notebooks: python tools/clean_notebooks.py [FILE.ipynb ...]

The notebooks of the course are kept without outputs, in the form that this tool writes, so that a diff shows what
somebody wrote. With --check nothing is written, and the exit code is 1 where a file would change. Without files: the
course's.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

COURSE = Path(__file__).resolve().parents[1] / "examples" / "course"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""What Jupyter and GitHub need to know; which Python wrote it is nobody's business."""


def main() -> int:
    """Clean or check the files of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.ipynb")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a file would change")
    given = parser.parse_args()
    changed = []
    for path in given.files or sorted(COURSE.glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        cleaned = clean(text)
        if cleaned != text:
            changed.append(path)
            if not given.check:
                path.write_text(cleaned, encoding="utf-8")
    for path in changed:
        sys.stdout.write(f"{'would be cleaned' if given.check else 'cleaned'}: {path}\n")
    return 1 if given.check and changed else 0


def clean(text: str) -> str:
    """Return a notebook (nbformat 4) without outputs, counts and metadata, a line of JSON for each line of a cell."""
    notebook = json.loads(text)
    document = {
        "cells": [_cell(cell, number) for number, cell in enumerate(notebook["cells"], 1)],
        "metadata": METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _cell(cell: dict[str, Any], number: int) -> dict[str, Any]:
    source = cell["source"]
    lines = "".join(source).rstrip("\n").splitlines(keepends=True)
    kept = {"cell_type": cell["cell_type"], "id": cell.get("id", f"cell-{number}"), "metadata": {}, "source": lines}
    return kept | ({"execution_count": None, "outputs": []} if cell["cell_type"] == "code" else {})


if __name__ == "__main__":
    sys.exit(main())
