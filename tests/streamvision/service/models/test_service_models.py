"""Models of a running service that are replaced: proven, shadowed, taken over, gone back from, remembered."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streamvision.core.config.model_request import ModelRequest
from streamvision.core.errors import ConfigError
from streamvision.core.model_control import (
    ModelChangeError,
    UnknownModelError,
)
from streamvision.service.models import control as control_module
from support.service_models import audited, control_of, ended, path_now, request, service, until_state
from support.serving import until

NAMES = ("cat", "dog", "fox")


def test_a_model_is_proven_shadowed_takes_over_by_itself_and_is_there_after_a_restart(
    tmp_path: Path, film: Path, models: dict[str, Path]
) -> None:
    with service(tmp_path, film, models["first"], "a", "b") as served:
        control = control_of(served)
        until(lambda: served.get("/api/streams/a")["frames_done"] > 3, "frames come")
        assert control.change("default") is None
        begun = control.replace("default", request(models["second"], take_over="automatic"))
        assert (begun.state, begun.number, begun.may_cancel, begun.may_accept) == ("loading", 1, True, False)
        change = ended(control)
        assert change.state == "done", change.sentence
        assert change.memory is not None and change.memory.needed_mb > 0
        assert change.proof is not None and change.proof.comparison is not None
        assert (change.proof.comparison.pictures, change.proof.comparison.agreement) == (5, 1.0)
        assert change.shadow is not None and change.shadow.comparison.agreement == 1.0
        (fox,) = change.shadow.comparison.classes
        assert fox.name == "fox" and fox.current == fox.new == fox.matched > 0
        assert change.shadow.comparison.new_ms is not None and change.shadow.examples == ()
        assert path_now(control) == "second.onnx"
        until(lambda: control.change("default").may_roll_back, "it may be rolled back")  # type: ignore[union-attr]
        assert control.running()[0].classes == NAMES, "the numbers of classes stay"
        assert served.service.config.model.path == models["second"]
        until(lambda: audited(served) == [("streamvision", "model taken over")], "it is written down")
        assert {one["state"] for one in served.get("/api/streams")["streams"]} == {"live"}
    with service(tmp_path, film, models["first"]) as served:
        control = control_of(served)
        assert path_now(control) == "second.onnx"
        assert served.service.layers.exported()["model"] == {"path": str(models["second"]), "threads": 1}
        assert control.running()[0].previous_path == str(models["first"])
        control.rollback("default")
        change = ended(control)
        assert (change.state, path_now(control)) == ("rolled_back", "first.onnx"), change.sentence
        assert served.service.layers.exported()["model"]["path"] == str(models["first"])


def test_a_model_that_finds_something_else_is_refused_by_the_proof_and_nothing_changes(
    tmp_path: Path, film: Path, models: dict[str, Path]
) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        control.replace("default", request(models["wrong"]))
        change = ended(control)
        assert change.state == "refused" and "agrees with the present one by 0.00" in change.sentence
        assert change.shadow is None and not change.may_roll_back and path_now(control) == "first.onnx"


def test_a_shadow_run_shows_where_both_differ_and_somebody_decides(
    tmp_path: Path, film: Path, models: dict[str, Path]
) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        with pytest.raises(ModelChangeError, match="no change"):
            control.accept("default")
        control.replace("default", request(models["wrong"], prove="none"))
        with pytest.raises(ModelChangeError, match="goes on already"):
            control.replace("default", request(models["second"]))
        until(lambda: "when somebody says so" in control.change("default").sentence, "it waits")  # type: ignore[union-attr]
        change = control.change("default")
        assert change is not None and change.state == "shadowing" and change.may_accept
        assert change.shadow is not None and change.shadow.comparison.agreement == 0.0
        example = change.shadow.examples[0]
        assert [(one.class_name, one.matched) for one in example.current + example.new] == [
            ("fox", False), ("cat", False),
        ]  # fmt: skip
        jpeg = control.example_picture("default", example.number)
        assert jpeg is not None and jpeg.startswith(b"\xff\xd8") and control.example_picture("default", 99) is None
        control.cancel("default")
        assert ended(control).state == "cancelled" and path_now(control) == "first.onnx"
        control.replace("default", request(models["wrong"], prove="none"))
        until_state(control, "shadowing")
        control.accept("default")
        assert ended(control).state == "done" and path_now(control) == "wrong.onnx"
        until(lambda: served.get("/api/streams/a")["objects"] == {"cat": 1}, "it is the new one that finds")
        control.rollback("default")
        assert ended(control).state == "rolled_back" and path_now(control) == "first.onnx"


def test_what_regions_and_filters_ask_for_must_be_in_the_new_model(
    tmp_path: Path, film: Path, models: dict[str, Path]
) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        zone = {"name": "yard", "points": [[0, 0], [1, 0], [1, 1]], "classes": ["fox"]}
        assert served.ask("PATCH", "/api/streams/a", {"analytics": {"zones": [zone]}})[0] == 200
        control.replace("default", request(models["foxless"], prove="none"))
        change = ended(control)
        assert change.state == "refused"
        assert "no class 'fox', which 'yard' of stream 'a' asks for" in change.sentence


def test_what_is_asked_for_since_must_be_in_it_too_when_it_takes_over(
    tmp_path: Path, film: Path, models: dict[str, Path]
) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        control.replace("default", request(models["foxless"], prove="none"))
        until_state(control, "shadowing")
        assert served.ask("PATCH", "/api/streams/a", {"classes": ["fox"]})[0] == 200
        control.accept("default")
        change = ended(control)
        assert change.state == "refused" and "no class 'fox', which stream 'a' asks for" in change.sentence
        assert path_now(control) == "first.onnx"


def test_proven_by_a_folder_or_by_the_report_of_its_export(tmp_path: Path, film: Path, models: dict[str, Path]) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    picture = np.full((128, 128, 3), 128, np.uint8)
    picture[40:80, 40:80] = (255, 0, 0)
    Image.fromarray(picture).save(pictures / "red.png")
    own = tmp_path / "own.onnx"
    own.write_bytes(models["second"].read_bytes())
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        unseen = {"take_over": "automatic", "shadow_s": 0}
        with pytest.raises(ConfigError, match="no report"):
            control.replace("default", request(own, prove="report"))
        with pytest.raises(ConfigError, match="no folder of pictures"):
            control.replace("default", request(own, prove="data", data=str(tmp_path / "nowhere")))
        control.replace("default", request(own, prove="data", data=str(pictures), **unseen))
        assert "objects compared in the proof: 1, and 5 are asked for" in ended(control).sentence
        control.replace("default", request(own, prove="data", data=str(pictures), **(unseen | {"min_objects": 1})))
        assert ended(control).state == "done"
        card = control.running()[0].card
        report = own.with_name("own.onnx.parity.json")
        report.write_text(json.dumps({"card": card, "parity": {"passed": False}}), encoding="utf-8")
        for is_passed, state in ((False, "refused"), (True, "done")):
            report.write_text(json.dumps({"card": card, "parity": {"passed": is_passed}}), encoding="utf-8")
            control.replace("default", request(own, prove="report", **unseen))
            assert ended(control).state == state, control.change("default")


def test_a_model_without_streams_is_opened_once_and_used_by_the_next_stream(
    tmp_path: Path, film: Path, models: dict[str, Path]
) -> None:
    more = {"models": {"night": {"path": str(models["first"]), "threads": 1}}}
    with service(tmp_path, film, models["first"], **more) as served:
        control = control_of(served)
        with pytest.raises(UnknownModelError, match="default, night"):
            control.change("day")
        control.replace("night", request(models["second"]))
        change = ended(control, "night")
        assert change.state == "done" and "no stream goes through it" in change.sentence
        assert [Path(one.path).name for one in control.running()] == ["first.onnx", "second.onnx"]
        served.add(id="a", source=str(film), realtime=True, loop=True, model="night")
        until(lambda: served.get("/api/streams/a")["objects"] == {"fox": 1}, "it is seen")
        assert control.running()[1].streams == ("a",)


def test_a_region_for_a_class_of_the_former_model_alone_is_refused(
    tmp_path: Path, film: Path, models: dict[str, Path]
) -> None:
    zone = {"name": "den", "points": [[0, 0], [1, 0], [1, 1]]}
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        control.replace("default", request(models["foxless"], prove="none", shadow_s=0))
        until_state(control, "shadowing")
        control.accept("default")
        assert ended(control).state == "done", ended(control).sentence
        status, answer = served.ask("PATCH", "/api/streams/a", {"analytics": {"zones": [{**zone, "classes": ["fox"]}]}})
        assert status == 400 and "'fox', which the present model does not have" in str(answer)
        status, answer = served.ask("PATCH", "/api/streams/a", {"analytics": {"zones": [{**zone, "classes": ["dog"]}]}})
        assert status == 200, answer


def test_a_model_without_streams_is_proven_all_the_same(tmp_path: Path, film: Path, models: dict[str, Path]) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[20:60, 20:60] = (255, 0, 0)
    Image.fromarray(picture).save(folder / "red.png")
    with service(tmp_path, film, models["first"], notify={"rules": [{"name": "foxes", "classes": ["fox"]}]}) as served:
        control = control_of(served)
        control.replace("default", request(models["wrong"], prove="data", data=str(folder)))
        assert ended(control).state == "refused" and "agrees with the present one by 0.00" in ended(control).sentence
        control.replace("default", request(models["foxless"], prove="none"))
        assert ended(control).state == "refused" and "'fox', which a rule of notify" in ended(control).sentence
        control.replace("default", request(models["second"], prove="data", data=str(folder)))
        assert ended(control).state == "done", ended(control).sentence
        with pytest.raises(ConfigError, match="there are more than 1 files below"):
            control_module.MOST_FILES, most = 1, control_module.MOST_FILES
            try:
                Image.fromarray(picture).save(folder / "again.png")
                control.replace("default", request(models["first"], prove="data", data=str(folder)))
            finally:
                control_module.MOST_FILES = most


def test_secrets_of_the_former_model_stay_where_they_are_and_stars_stand_for_them(
    tmp_path: Path, film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_error(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shown = f"kserve://***@127.0.0.1:{server.server_port}/yolo"
    monkeypatch.setenv("SERVER_TOKEN", "open-sesame")
    monkeypatch.setenv("MODELS", str(models["first"].parent))
    more = {"models": {"there": {"path": shown.replace("***", "${SERVER_TOKEN}")}}}
    with service(tmp_path, film, Path("${MODELS}/first.onnx"), **more) as served:
        control = control_of(served)
        assert control.running()[1].path == shown
        control.replace("there", ModelRequest(path=shown))
        assert ended(control, "there").state == "refused" and set(seen) == {"Bearer open-sesame"}
        with pytest.raises(ConfigError, match=r"holds \*\*\* in place of a secret that is not known here"):
            control.replace("there", ModelRequest(path=shown.replace("yolo", "another")))
        for name, before in (("there", "${SERVER_TOKEN}@127.0.0.1"), ("default", "${MODELS}/first.onnx")):
            control.replace(name, request(models["second"]))
            assert ended(control, name).state == "done"
            remembered = served.service.layers.models[name]
            assert before in remembered["previous"]["path"] and "open-sesame" not in str(remembered)
        control.rollback("default")
        assert ended(control).state == "rolled_back"
        assert served.service.layers.exported()["model"]["path"] == "${MODELS}/first.onnx"
    server.shutdown()
    server.server_close()
