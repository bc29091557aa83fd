"""What the tests of generators share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.answer_pictures import draw_answers


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures without classes."""
    return draw_answers(tmp_path_factory.mktemp("generators") / "data", count=96, seed=2).parent
