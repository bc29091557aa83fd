"""``streamvision label`` as it is typed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from streamvision.cli.main import main
from streamvision.datasets.collection import Collection
from support.collection_folders import as_jpeg, collection_with, drawn


def test_pictures_are_added_served_and_the_page_ends_at_a_signal(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(as_jpeg(drawn(1)))
    command = [sys.executable, "-m", "streamvision", "label", str(tmp_path / "labels"), "--add", str(photos)]
    command += ["--model", "none", "--serve", "127.0.0.1:0", "--no-browser", "--state", str(tmp_path / "state")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            lines = []
            for line in running.stderr:
                lines.append(line)
                if "Watch at " in line:
                    break
            assert "1 picture waiting, 0 labelled" in "".join(lines), lines
            url = lines[-1].split("Watch at ")[1].strip()
            with urllib.request.urlopen(f"{url}api/label", timeout=60) as answer:
                assert [one["state"] for one in json.load(answer)["pictures"]] == ["waiting"]
            running.send_signal(signal.SIGTERM)
            assert "Next: " not in running.stderr.read()
            assert running.wait(60) == 0
        finally:
            running.kill()
    assert Collection(tmp_path / "labels").counts().waiting == 1


def test_at_the_end_it_says_how_to_learn_from_what_is_labelled(tmp_path: Path) -> None:
    folder = collection_with(tmp_path / "hard ones", hardness=(0.5, 0.4))
    collection = Collection(folder)
    collection.accept(collection.waiting_names()[0], [])
    command = [sys.executable, "-m", "streamvision", "label", str(folder), "--serve", "127.0.0.1:0", "--no-browser"]
    with subprocess.Popen([*command, "--state", str(tmp_path / "state")], stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            for line in running.stderr:
                if "Watch at " in line:
                    break
            running.send_signal(signal.SIGINT)
            said = running.stderr.read()
            assert running.wait(60) == 128 + signal.SIGINT
        finally:
            running.kill()
    assert "1 labelled, 1 picture waiting" in said
    assert f"--add '{folder}'" in said


def test_a_folder_is_made_only_where_there_are_pictures_for_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["label", str(tmp_path / "labels"), "--add", str(tmp_path / "none")])
    assert not (tmp_path / "labels").exists()


def test_the_page_is_not_opened_to_others_without_users(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = collection_with(tmp_path / "collected", hardness=(0.5,))
    with pytest.raises(SystemExit) as ended:
        main(["label", str(folder), "--serve", "0.0.0.0:0", "--state", str(tmp_path / "state"), "--no-browser"])
    assert ended.value.code == 1
    assert "streamvision users add" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "sentence"), [("photo.jpg", "these with --add"), (None, "there is no folder"), ("x.txt", "collect")]
)
def test_what_cannot_be_labelled_is_said_in_a_sentence(
    tmp_path: Path, content: str | None, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "given"
    if content:
        folder.mkdir()
        (folder / content).write_bytes(as_jpeg(drawn(1)))
    with pytest.raises(SystemExit) as ended:
        main(["label", str(folder)])
    assert ended.value.code == 1
    assert sentence in capsys.readouterr().err
