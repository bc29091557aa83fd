"""Commands of the documentation, of ready-made files and of their comments have the options that they name."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from streamvision.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "configs").glob("*.yaml")))
_OPERATORS = frozenset({"|", "&&", "||", ">", ";", "&"})


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words behind ``streamvision`` of each line that begins with it; what is left open is left out."""
    for line in page.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        said = re.match(r"[\s#$]*streamvision (?P<words>[a-z].*)", line)
        if said is None:
            continue
        with contextlib.suppress(ValueError):  # a sentence with an apostrophe
            words = shlex.split(said["words"], comments=True)
            end = next((at for at, word in enumerate(words) if word in _OPERATORS), len(words))
            if "..." not in words:
                yield words[:end]


def refusal(words: list[str]) -> str | None:
    """Return why a command line is refused before its values are looked at, ``None`` where it is not."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            cli.main([*words, "--help"], prog_name="streamvision", standalone_mode=False)
    except click.exceptions.Exit:
        return None
    except click.ClickException as error:
        return error.format_message()
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_have_the_options_that_pages_name(page: Path) -> None:
    wrong = {" ".join(words): why for words in commands(page) if words[0] != "batch" and (why := refusal(words))}
    assert not wrong


def test_there_are_commands_and_wrong_ones_are_found(tmp_path: Path) -> None:
    assert sum(len(list(commands(page))) for page in PAGES) > 150
    page = tmp_path / "page.md"
    page.write_text("$ streamvision run a.mp4 --modle m.onnx | head\n", encoding="utf-8")
    (words,) = commands(page)
    assert words[-1] == "m.onnx" and "--modle" in (refusal(words) or "")
