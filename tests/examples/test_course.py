"""The lessons of examples/course run as they stand, with small budgets, and end with a live picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.installed import needs

if TYPE_CHECKING:
    import nbclient

needs("torch", "nbformat", "nbclient", "ipykernel")
ROOT = Path(__file__).resolve().parents[2]
COURSE = ROOT / "examples" / "course"
LESSONS = sorted(COURSE.glob("*.ipynb"))
LONGEST_CELL_S = 900
"""Only against hanging."""
BEGIN = """%reset -f
import os, matplotlib.pyplot
matplotlib.pyplot.close("all")
os.chdir({folder!r})
del os"""
"""Of each lesson in a kernel that had another one before: no name and no folder of that is left."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[nbclient.NotebookClient]:
    """Start one kernel for all lessons of this process: importing torch anew for each would cost half of their time."""
    import nbclient
    import nbformat
    from nbclient.util import run_sync

    client = nbclient.NotebookClient(nbformat.v4.new_notebook())
    client.create_kernel_manager()
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    settings = {"STREAMVISION_COURSE": "quick", "PATH": search, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    client.start_new_kernel(env=os.environ | settings)
    yield client
    run_sync(client.km.shutdown_kernel)(now=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for all lessons, which draw the same signs once."""
    return tmp_path_factory.mktemp("course")


@pytest.mark.reference
@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("lesson", [pytest.param(path, id=path.stem) for path in LESSONS])
def test_a_lesson_runs_and_ends_live(lesson: Path, kernel: nbclient.NotebookClient, folder: Path) -> None:
    import nbclient
    import nbformat

    notebook = nbformat.read(lesson, as_version=4)
    written = list(notebook.cells)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(BEGIN.format(folder=str(folder))))
    nbclient.NotebookClient(notebook, km=kernel.km, timeout=LONGEST_CELL_S).execute()
    code = [cell for cell in written if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]
    mimes = [mime for cell in code for out in cell.outputs for mime in out.get("data", ())]
    assert mimes.count("image/png") + mimes.count("text/html") >= 2, "a lesson shows pictures and tables"
    assert "image/jpeg" in [mime for out in code[-1].outputs for mime in out.get("data", ())], "it ends with a stream"


def test_lessons_are_kept_without_outputs() -> None:
    command = [sys.executable, str(ROOT / "tools" / "clean_notebooks.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout}run tools/clean_notebooks.py"


def test_the_table_of_lessons_is_complete() -> None:
    listed = re.findall(r"\]\(([^)]+\.ipynb)\)", (COURSE / "README.md").read_text(encoding="utf-8"))
    assert listed == [path.name for path in LESSONS]
