"""``streamvision serve``: cameras that are left running, with a memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from pipelines.assembly import PacketListeners
from pipelines.outputs.sink import SinkFactory
from pipelines.runner import StreamRunner
from streamvision.cli.fleet import follow_store
from streamvision.cli.options import (
    as_typed,
    field_option,
    given_options,
    joined_document,
    model_options,
    output_options,
    privacy_options,
    source_options,
)
from streamvision.cli.page_options import page_options
from streamvision.cli.session import run_session
from streamvision.cli.sources import Sources, SourcesCommand
from streamvision.cli.state_options import state_options
from streamvision.core.config.app import AppConfig
from streamvision.core.config.merging import SERVE_OPTIONS
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.heap import limit_arenas
from streamvision.core.logs import say
from streamvision.inference.backends.registry import check_model
from streamvision.models import with_default_model
from streamvision.service.beginning import Beginning
from streamvision.service.control import ServiceControl
from streamvision.service.memory import BEGINNING
from streamvision.service.onvif import Onvif
from streamvision.service.service import Service, run_here
from streamvision.state.database import Database
from streamvision.state.folder import in_use
from streamvision.state.settings import read_setting

ONCE = ("serve", *SERVE_OPTIONS, "overwrite", "max_frames", "workers")
"""Options that hold for the start at which they are given, and not for the next one."""

_log = logging.getLogger(__name__)


@click.command(cls=SourcesCommand)
@state_options
@click.option("--config", type=Path, metavar="FILE.yaml", help="Where it begins; what is changed on the page wins.")
@source_options
@field_option("--realtime", StreamConfig, "realtime")
@field_option("--loop", StreamConfig, "loop")
@model_options
@output_options
@privacy_options
@page_options
@field_option(
    "--cluster",
    AppConfig,
    "cluster",
    metavar="ADDRESS",
    type=str,
    help="Run the streams on the machines of a Ray cluster, HOST:PORT as `ray start --head` says it, or auto.",
)
def serve(state: Path, database: str | None, config: Path | None, sources: Sources, **given: Any) -> int:
    """Leave cameras running, changed live on the page, with all of it there again after a restart.

    Cameras, regions, settings, counts and events live in the state folder. Cameras that are named here are added to
    those that there are; a file given with --config is read again when it changes, or at SIGHUP. What was changed on
    the page wins over the file, until `streamvision config export` writes one. A start without --config goes on with
    the file and the options of the one before.

    \b
    Examples:
      streamvision serve                                       then add cameras on the page
      streamvision serve rtsp://user:password@camera/stream --model yolo.onnx
      streamvision serve --config cameras.yaml --state /var/lib/streamvision
      streamvision serve --cluster 10.0.0.5:6379 --serve 0.0.0.0:8080
      streamvision config export -o cameras.yaml
    """
    limit_arenas()
    options = given_options(given)
    streams = joined_document(None, options, streams=[{"source": as_typed(source)} for source in sources]).get(
        "streams", ()
    )
    if "model" in options:
        check_model(options["model"])
    with in_use(state):
        opened = Database.open(database or state)
        lost: list[str] = []
        try:
            with opened.in_use(on_loss=lost.append):
                beginning = replace(_beginning(opened, config, options), streams=tuple(streams))
                service = Service(
                    opened,
                    state,
                    beginning,
                    read_document,
                    runner=partial(_runner, lost.append),
                    must_end=lambda: bool(lost),
                )
                _say_which_model_lacks(service)
                service.view.control = ServiceControl(service)
                service.view.onvif = Onvif()
                _say_where(opened, service)
                follow_store(service, state)
                code = run_session(
                    service.config, as_json=False, service=service, on_reload=service.reload, state=state
                )
                if lost:
                    raise StreamVisionError(lost[0])
                return code
        finally:
            opened.close()


def read_document(file: Path | None, options: dict[str, Any]) -> dict[str, Any]:
    """Join a file and options to what a service runs with.

    Raises:
        ConfigError: when the file cannot be read, or something is not accepted.
        ModelError: when no model was given, and none ships with this installation.
    """
    document, said = with_default_model(joined_document(file, options))
    if said:
        _log.info("%s", said)
    if document.get("workers", 1) != 1:
        raise ConfigError("a service runs in one process; leave out workers, or use streamvision run")
    if document.get("cluster") is not None:  # pictures of identities are cut from frames, which stay where they are
        document["tracklets"] = {**(document.get("tracklets") or {}), "crops_kept": 0}
    return {"serve": {}, **document}


def _runner(
    on_loss: Callable[[str], None], config: AppConfig, sinks: Sequence[SinkFactory], packets: PacketListeners
) -> StreamRunner:
    """Return what runs the streams: this process, or a cluster.

    Raises:
        MissingDependencyError: when a cluster is asked for, and Ray is not installed.
        StreamVisionError: when there is no such cluster.
    """
    if config.cluster is None:
        return run_here(config, sinks, packets)
    from streamvision.cluster.head import ClusterPipeline
    from streamvision.cluster.ray_nodes import RayCluster

    return ClusterPipeline(config, RayCluster(config.cluster.address), sinks=sinks, on_head_away=on_loss)


def _beginning(database: Database, config: Path | None, options: dict[str, Any]) -> Beginning:
    """Return where this start begins: with a file, or with what the one before was given and what is given now."""
    once = {key: value for key, value in options.items() if key in ONCE}
    lasting = {key: value for key, value in options.items() if key not in ONCE}
    with database.reading() as connection:
        remembered = read_setting(connection, BEGINNING)
    if config is not None or remembered is None:
        return Beginning(config, lasting, once)
    before = Beginning.from_json(remembered)
    return replace(before, options={**before.options, **lasting}, once=once)


def _say_which_model_lacks(service: Service) -> None:
    """Say at once what each stream would say: a disk with models may come later, so the service begins all the same."""
    for model in (service.config.model, *service.config.models.values()):
        try:
            check_model(model.path)
        except StreamVisionError as error:
            _log.warning("%s", error)


def _say_where(database: Database, service: Service) -> None:
    count = len(service.layers.documents)
    say(f"State: {database.place}, with {count} stream{'' if count == 1 else 's'}")
