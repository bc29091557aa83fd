"""``streamvision artifacts``: from a key to a model on a device, as people do it."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest

from streamvision.models import SHIPPED
from support.artifact_stores import folder_publisher, random_model
from support.command_line import Finished, called

pytest.importorskip("minisign", reason="py-minisign is not installed: pip install 'streamvision-edge[fleet]'")

MODEL = SHIPPED[0].path


def keys(folder: Path) -> tuple[Path, Path]:
    done = called("artifacts", "keygen", "--output", folder / "fleet.key", "--no-password")
    assert done.code == 0, done.stderr
    return folder / "fleet.key", folder / "fleet.key.pub"


def test_a_model_goes_from_here_to_a_device(tmp_path: Path) -> None:
    key, public = keys(tmp_path)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    store = tmp_path / "store"
    pushed = called("artifacts", "push", MODEL, "--store", store, "--key", key, "--json")
    assert pushed.code == 0, pushed.stderr
    (card,) = [one["card"] for one in pushed.report["models"].values()]
    assert (card["task"], card["classes"]) == ("detect", 4)

    listed = called("artifacts", "list", "--store", store, "--public-key", public)
    assert "detect, 4 classes" in listed.stdout
    promoted = called(
        "artifacts", "push", "--from-channel", "stable", "--channel", "all", "--store", store, "--key", key
    )
    assert promoted.code == 0, promoted.stderr
    verified = called("artifacts", "verify", "--channel", "all", "--store", store, "--public-key", public)
    assert "all its files are right" in verified.stdout

    told = [*("--store", store, "--public-key", public, "--folder", tmp_path / "device"), "--json"]
    pulled = called("artifacts", "pull", *told)
    assert Path(pulled.report["models"]["default"]).read_bytes() == MODEL.read_bytes()
    again = called("artifacts", "pull", *told)
    assert again.report == pulled.report


def test_names_and_companions(tmp_path: Path) -> None:
    key, public = keys(tmp_path)
    random_model(tmp_path / "a.xml"), random_model(tmp_path / "a.bin"), random_model(tmp_path / "metadata.yaml")
    random_model(tmp_path / "b.onnx"), random_model(tmp_path / "b.onnx.parity.json")
    store, told = tmp_path / "store", ("--key", key, "--unchecked", "--json")
    pushed = called("artifacts", "push", tmp_path / "a.xml", f"night={tmp_path / 'b.onnx'}", "--store", store, *told)
    assert pushed.code == 0, pushed.stderr
    files = {name: [file["name"] for file in one["files"]] for name, one in pushed.report["models"].items()}
    assert files == {"default": ["a.xml", "a.bin", "metadata.yaml"], "night": ["b.onnx", "b.onnx.parity.json"]}
    without = called("artifacts", "push", "--without", "default", "--store", store, *told)
    assert set(without.report["models"]) == {"night"}
    (tmp_path / "store" / "files").rename(tmp_path / "store" / "gone")
    missing = called("artifacts", "verify", "--store", store, "--public-key", public)
    assert missing.code == 1
    assert "publish" in missing.sentence()


def _as_input(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line))


def test_a_key_with_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_input(monkeypatch, "correct horse\n")
    made = called("artifacts", "keygen", "--output", tmp_path / "k")
    assert made.code == 0, made.stderr
    assert "correct horse" not in made.stdout + made.stderr
    push = ("artifacts", "push", random_model(tmp_path / "m.onnx"), "--unchecked", "--key", tmp_path / "k")
    for line, code in (("correct horse\n", 0), ("battery staple\n", 1), ("", 1)):
        _as_input(monkeypatch, line)
        assert called(*push, "--store", tmp_path / "store").code == code


def refused(*arguments: str | Path) -> str:
    done: Finished = called("artifacts", *arguments)
    assert done.code != 0
    return done.sentence() if done.code == 1 else done.stderr


def test_what_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    key, public = keys(tmp_path)
    store = tmp_path / "store"
    assert "never written over" in refused("keygen", "--output", key, "--no-password")
    told = ("--store", store, "--key", key)
    assert "there is no model file" in refused("push", tmp_path / "none.onnx", *told)
    assert "is not published" in refused("push", random_model(tmp_path / "weights.pt"), *told)
    assert "give a model to publish" in refused("push", *told)
    assert "two models have one name" in refused("push", MODEL, MODEL, *told)
    assert refused("push", random_model(tmp_path / "noise.onnx"), *told), "what cannot be opened is not published"
    assert "is no store" in refused("list", "--store", "ftp://host/x", "--public-key", public)
    assert "has no channel" in refused("list", "--store", store, "--public-key", public)
    assert "nobody's signature is believed" in refused("list", "--store", store)
    called("artifacts", "push", MODEL, *told)
    (tmp_path / "other").mkdir()
    other_key, other_public = keys(tmp_path / "other")
    assert "is signed by the key" in refused("list", "--store", store, "--public-key", other_public)
    assert "is signed by the key" in refused("push", MODEL, "--store", store, "--key", other_key)
    rotated = called("artifacts", "push", MODEL, "--store", store, "--key", other_key, "--public-key", public, "--json")
    assert json.loads(rotated.stdout)["number"] == 2


def test_pulling_removes_no_model_of_a_device_unless_it_is_asked_to(tmp_path: Path) -> None:
    publisher, folder = folder_publisher(tmp_path), tmp_path / "fleet"
    told = ["--store", publisher.store.place, "--public-key", publisher.public_key, "--folder", folder, "--json"]
    for number in range(3):
        publisher.push({"default": random_model(tmp_path / f"{number}.onnx", 10_000)})
        called("artifacts", "pull", *told)
    assert len(list((folder / "models").iterdir())) == 3, "the device may run the first one"
    called("artifacts", "pull", *told, "--remove-others")
    assert len(list((folder / "models").iterdir())) == 2
    for given in ("nan", "-1", "inf"):
        refused = called("artifacts", "pull", *told, "--max-gb", given)
        assert refused.code == 2 and "--max-gb" in refused.stderr and "Traceback" not in refused.stderr
