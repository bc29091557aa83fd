"""``streamvision models``: which models a service runs, and how one is replaced while its streams go on."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from streamvision.cli.options import field_option, names_option
from streamvision.cli.sections import together
from streamvision.cli.service_client import ServiceClient
from streamvision.core.config.model_request import ModelRequest
from streamvision.core.errors import ConfigError
from streamvision.core.logs import say
from streamvision.core.model_control import ENDED
from streamvision.core.reading import UnreadableError, read_text
from streamvision.core.terminal import table
from streamvision.core.words import counted

TOKEN_VARIABLE = "STREAMVISION_TOKEN"
MAX_TOKEN_BYTES = 4096
POLL_S = 1.0
MODEL_OF_RUN = "weights/best.onnx"
"""In the folder of a training run."""

service_options = together(
    click.option(
        "--url",
        default="http://127.0.0.1:8080",
        envvar="STREAMVISION_URL",
        show_default=True,
        help="Where the service's page is; STREAMVISION_URL says it, too.",
    ),
    click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help=f"File with an administrator's token, where people sign in; the variable {TOKEN_VARIABLE} may hold it "
        "instead. It is never taken from the command line, which others see.",
    ),
    click.option(
        "--ca-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.pem",
        help="Certificates that the service's own is checked against.  [those of the system]",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
)


@click.group()
def models() -> None:
    """See which models a service runs, and replace one while its streams go on.

    The new model is loaded beside the one that runs, proven, compared with it on a share of the frames, and takes over
    between two frames. NAME is one of `models:` in the configuration, or `default` for the run's own.

    \b
    Examples:
      streamvision models list
      streamvision models replace default /models/new.onnx --shadow-s 120 --wait
      streamvision models take-over default
      streamvision models promote default runs/train/yolov8n-2
      streamvision models rollback default
    """


@models.command("list")
@service_options
def list_models(as_json: bool, **where: Any) -> int:
    """List the models, and where their replacement stands."""
    found = _service(**where).ask("GET", "api/models")
    rows = [("name", "file", "task", "classes", "streams", "replacement"), *map(_row, found["models"])]
    click.echo(json.dumps(found) if as_json else "\n".join(table(rows)))
    return 0


@models.command()
@service_options
@click.argument("name")
@click.argument("path")
@field_option("--prove", ModelRequest, "prove")
@field_option("--data", ModelRequest, "data", metavar="DIR")
@field_option("--pictures", ModelRequest, "pictures")
@field_option("--min-agreement", ModelRequest, "min_agreement")
@field_option("--min-objects", ModelRequest, "min_objects")
@field_option("--shadow-share", ModelRequest, "shadow_share")
@field_option("--shadow-s", ModelRequest, "shadow_s")
@field_option("--take-over", ModelRequest, "take_over")
@field_option("--backend", ModelRequest, "backend")
@field_option("--device", ModelRequest, "device")
@field_option("--head", ModelRequest, "head")
@names_option()
@click.option(
    "--wait", is_flag=True, help="Return when it has ended, or waits for take-over; exit code 1 where refused."
)
def replace(name: str, path: str, wait: bool, as_json: bool, **given: Any) -> int:
    """Load another model beside the one called NAME, and compare them; PATH is a file on the service's machine."""
    where = {key: given.pop(key) for key in ("url", "token_file", "ca_file")}
    service = _service(**where)
    wanted = {key: value for key, value in given.items() if value is not None}
    change = service.ask("PUT", _path(name), {"path": path, **wanted})
    if wait:
        change = _awaited(service, change)
    return _tell(change, as_json)


@models.command()
@service_options
@click.argument("name")
@click.argument("run")
@field_option("--shadow-s", ModelRequest, "shadow_s", default=0.0, help="How long both see live frames before.")
def promote(name: str, run: str, shadow_s: float, as_json: bool, **where: Any) -> int:
    """Let the model of a training run take the place of NAME.

    RUN is the run's folder, or its weights/best.onnx; of a service on another machine, as an absolute path there. The
    run has gone on from the model that NAME is now (`train --model .../best.pt --add ...`), and was found no worse on
    pictures that neither learnt from. It takes over by itself; `models rollback NAME` puts the former back. Exit code 1
    where it is refused.
    """
    path = _model_of_run(run)
    service = _service(**where)
    wanted = {"path": path, "prove": "gate", "take_over": "automatic"}
    shadow = {"shadow_s": shadow_s} | ({"min_agreement": 0.0, "min_objects": 0} if shadow_s else {})
    return _tell(_awaited(service, service.ask("PUT", _path(name), wanted | shadow)), as_json)


@models.command()
@service_options
@click.argument("name")
def status(name: str, as_json: bool, **where: Any) -> int:
    """Say how the replacement of NAME goes, or how the last one ended."""
    return _tell(_service(**where).ask("GET", f"{_path(name)}/change"), as_json)


@models.command("take-over")
@service_options
@click.argument("name")
def take_over(name: str, as_json: bool, **where: Any) -> int:
    """Let the new model of NAME take over between two frames, whatever the figures say."""
    return _tell(_service(**where).ask("POST", f"{_path(name)}/take-over"), as_json)


@models.command()
@service_options
@click.argument("name")
def discard(name: str, as_json: bool, **where: Any) -> int:
    """Discard the new model of NAME; the one that runs has never stopped."""
    return _tell(_service(**where).ask("DELETE", f"{_path(name)}/change"), as_json)


@models.command()
@service_options
@click.argument("name")
def rollback(name: str, as_json: bool, **where: Any) -> int:
    """Put the model back that was replaced last as NAME."""
    return _tell(_service(**where).ask("POST", f"{_path(name)}/rollback"), as_json)


def _service(url: str, token_file: Path | None, ca_file: Path | None) -> ServiceClient:
    """Return the service that is asked.

    Raises:
        ConfigError: when its address or a file is not accepted.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if token_file is not None:
        try:
            token = read_text(token_file, limit=MAX_TOKEN_BYTES)
        except UnreadableError as error:
            raise ConfigError(f"cannot read the token in {token_file}: it {error}") from error
    return ServiceClient(url, (token or "").strip() or None, ca_file)


def _model_of_run(run: str) -> str:
    """Return the model's file of a training run, on the service's machine.

    Raises:
        ConfigError: when there is none here, and the path cannot be one of another machine.
    """
    here = Path(run)
    accepted = f"give the folder of a training run, as runs/train/NAME-1, which holds {MODEL_OF_RUN}, or that file"
    if here.is_dir():
        if not (here / MODEL_OF_RUN).is_file():
            raise ConfigError(f"the folder {run} has no {MODEL_OF_RUN}; {accepted}")
        return str(here.resolve() / MODEL_OF_RUN)
    if here.is_file():
        if here.suffix != ".onnx":
            raise ConfigError(f"{run} is no ONNX file; {accepted}")
        return str(here.resolve())
    if not here.is_absolute():
        raise ConfigError(
            f"there is no folder or file {run} here; {accepted}, and its absolute path where the service runs on "
            "another machine"
        )
    return run if here.suffix == ".onnx" else f"{run.rstrip('/')}/{MODEL_OF_RUN}"


def _path(name: str) -> str:
    return f"api/models/{quote(name, safe='')}"


def _awaited(service: ServiceClient, change: dict[str, Any]) -> dict[str, Any]:
    """Return the change when it has ended, or waits for somebody to say yes; each step is told on the way."""
    said = ""
    while not _rests(change):
        if change["sentence"] != said and change["state"] != "shadowing":
            said = change["sentence"]
            say(said)
        time.sleep(POLL_S)
        change = service.ask("GET", f"{_path(change['name'])}/change")
    return change


def _rests(change: dict[str, Any]) -> bool:
    shadow = change["shadow"]
    is_compared = shadow is None or shadow["for_s"] >= shadow["asked_s"]
    return change["state"] in ENDED or (change["take_over"] == "ask" and change["may_accept"] and is_compared)


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    change = model["change"]
    classes = "" if model["classes"] is None else str(len(model["classes"]))
    streams = ",".join(model["streams"])
    return model["id"], model["path"], model["task"] or "", classes, streams, change["state"] if change else ""


def _tell(change: dict[str, Any], as_json: bool) -> int:
    """Print a change; exit code 1 where it was refused."""
    click.echo(json.dumps(change) if as_json else "\n".join(_lines(change)))
    return 1 if change["state"] == "refused" else 0


def _lines(change: dict[str, Any]) -> list[str]:
    lines = [f"{change['name']}: {change['sentence']}", f"{change['previous_path']} -> {change['path']}"]
    compared = [(change[one] or {}).get("comparison") for one in ("shadow", "proof")]
    found = next((one for one in compared if one and one["pictures"]), None)
    if found is None:
        return lines
    agreement = "no objects" if found["agreement"] is None else f"agreement {found['agreement']:.1%}"
    rows: list[tuple[str, ...]] = [("", "present", "new", "both")]
    for words, key in (("median ms", "p50_ms"), ("95 % ms", "p95_ms")):
        rows.append(
            (words, *(f"{found[side][key]:.1f}" if found[side] else "" for side in ("current_ms", "new_ms")), "")
        )
    rows += [(one["name"], str(one["current"]), str(one["new"]), str(one["matched"])) for one in found["classes"]]
    return [*lines, f"{agreement} on {counted(found['pictures'], 'pictures')}", *table(rows)]
