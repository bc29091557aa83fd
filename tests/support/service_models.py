"""Services whose models are replaced while they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pipelines.model_groups import ModelGroups
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.model_control import (
    ENDED,
    ModelChange,
    ModelControl,
)
from streamvision.state.audit import Audit
from support.serving import Served, serving, until


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
