"""Models of a running service that are replaced: proven, shadowed, taken over, gone back from, remembered."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from pipelines.first_model import FirstModel
from pipelines.model_group import ModelGroup
from pipelines.model_groups import ModelGroups
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.model_control import (
    ENDED,
    ModelChange,
    ModelChangeError,
    ModelControl,
    UnknownModelError,
)
from streamvision.service.models import change as change_module
from streamvision.service.models import control as control_module
from streamvision.service.models import memory
from streamvision.state.audit import Audit
from support.red_box_film import red_box_detector, red_box_film
from support.serving import Served, serving, until

NAMES = ("cat", "dog", "fox")
Start = Callable[..., Any]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return red_box_film(tmp_path_factory.mktemp("film") / "red.mp4", frames=250)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "first": red_box_detector(folder / "first.onnx"),
        "second": red_box_detector(folder / "second.onnx", side_px=128, names=("fox", "cat", "dog")),
        "wrong": red_box_detector(folder / "wrong.onnx", found="cat"),
        "foxless": red_box_detector(folder / "foxless.onnx", names=("cat", "dog"), found="dog"),
    }


@pytest.fixture(autouse=True)
def short_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_module, "TRIAL_S", 0.5)


@contextmanager
def service(folder: Path, film: Path, model: Path, /, *streams: str, **more: Any) -> Iterator[Served]:
    file = folder / "cameras.yaml"
    if not file.exists():
        document = {
            "model": {"path": str(model), "threads": 1},
            "streams": [{"source": str(film), "id": name, "realtime": True, "loop": True} for name in streams],
        }
        file.write_text(yaml.safe_dump(document | more), encoding="utf-8")
    with serving(str(folder / "state"), folder / "folder", file) as served:
        yield served


def control_of(served: Served) -> ModelControl:
    control = served.service.view.models
    assert control is not None
    return control


def groups_of(served: Served) -> ModelGroups:
    groups = served.service.pipeline.model_groups
    assert groups is not None
    return groups


def ended(control: ModelControl, name: str = "default") -> ModelChange:
    def has_ended() -> bool:
        change = control.change(name)
        return change is not None and change.state in ENDED

    until(has_ended, "the change ends")
    change = control.change(name)
    assert change is not None
    return change


def until_state(control: ModelControl, state: str) -> None:
    until(lambda: control.change("default").state == state, f"it is {state}")  # type: ignore[union-attr]


def audited(served: Served) -> list[tuple[str, str]]:
    return [(one.who, one.action) for one in Audit(served.service.database).find()]


def path_now(control: ModelControl) -> str:
    return Path(control.running()[0].path).name


def request(path: Path, **more: Any) -> ModelRequest:
    quick = {"pictures": 5, "shadow_share": 1.0, "shadow_s": 0.5, "min_objects": 5}
    return ModelRequest.model_validate({"path": str(path)} | quick | more)


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


def test_a_model_that_hangs_while_it_is_opened_has_to_end_before_another_is_opened(
    tmp_path: Path, film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over = threading.Event(), threading.Event()

    def hanging(group: ModelGroup, config: ModelConfig) -> FirstModel:
        begun.set()
        over.wait(120)
        return open_beside(group, config)

    open_beside = ModelGroup.open_beside
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        monkeypatch.setattr(ModelGroup, "open_beside", hanging)
        control.replace("default", request(models["second"]))
        assert begun.wait(60)
        control.cancel("default")
        with pytest.raises(ModelChangeError, match="has not come back, and holds memory"):
            control.replace("default", request(models["second"]))
        monkeypatch.undo()
        over.set()
        until(lambda: not any("model-change" in one.name for one in threading.enumerate()), "it has ended")
        control.replace("default", request(models["second"], prove="none", shadow_s=0))
        until_state(control, "shadowing")


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


def test_a_model_that_fails_when_it_has_taken_over_is_gone_back_from(
    tmp_path: Path, film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        control.replace("default", request(models["second"], prove="none", shadow_s=0))
        until_state(control, "shadowing")
        (group,) = groups_of(served).open
        exchange = group.exchange

        def spoilt(first: Any, **more: Any) -> None:
            def run(tensor: Any) -> Any:
                raise RuntimeError("out of memory")

            first.model.backend.run = run
            exchange(first, **more)

        monkeypatch.setattr(group, "exchange", spoilt)
        control.accept("default")
        change = ended(control)
        assert change.state == "rolled_back" and "out of memory" in change.sentence
        assert path_now(control) == "first.onnx" and served.service.layers.models == {}
        until(lambda: audited(served) == [("streamvision", "model rolled back")], "it is written down")
        until(lambda: served.get("/api/streams/a")["objects"] == {"fox": 1}, "it goes on")


def test_a_model_that_hangs_when_it_has_taken_over_is_gone_back_from_while_it_is_on_trial(
    tmp_path: Path, film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_module, "LONGEST_TRIAL_S", 12.0)  # five times the limit of a call are more
    over = threading.Event()
    more = {"model": {"path": str(models["first"]), "threads": 1, "call_timeout_s": 3.0}}
    with service(tmp_path, film, models["first"], "a", **more) as served:
        control = control_of(served)
        control.replace("default", request(models["second"], prove="none"))
        until(
            lambda: (found := control.change("default")) and found.shadow and found.shadow.comparison.pictures, "both"
        )
        (group,) = groups_of(served).open
        exchange = group.exchange

        def spoilt(first: Any, **more: Any) -> None:
            first.model.backend.run = lambda tensor: over.wait(120)
            exchange(first, **more)

        monkeypatch.setattr(group, "exchange", spoilt)
        control.accept("default")
        change = ended(control)
        over.set()
        assert change.state == "rolled_back" and "has not answered for 3 s" in change.sentence
        until(lambda: served.get("/api/streams/a")["objects"] == {"fox": 1}, "it goes on")


def test_without_memory_for_two_it_is_refused_before_anything_is_opened(
    tmp_path: Path, film: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        monkeypatch.setattr(memory, "available_bytes", lambda: 10_000_000)
        control.replace("default", request(models["second"]))
        change = ended(control)
        assert change.state == "refused" and "not enough memory for two models" in change.sentence
        assert change.card is None and change.memory is not None and change.memory.available_mb == 10.0


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


def test_stopping_ends_a_change_at_once(tmp_path: Path, film: Path, models: dict[str, Path]) -> None:
    with service(tmp_path, film, models["first"], "a") as served:
        control = control_of(served)
        control.replace("default", request(models["second"], pictures=1000))
        until_state(control, "proving")
    assert ended(control).state == "cancelled"
    until(lambda: not any("model-change" in one.name for one in threading.enumerate()), "its thread has ended")
    with pytest.raises(ModelChangeError, match="being stopped"):
        control.replace("default", request(models["second"]))
    with pytest.raises(ModelError, match="closed"):
        groups_of(served).open[0].models.first.backend.run(np.zeros((1, 3, 64, 64), np.float32))
