"""From configuration to sinks: which files there are, whether they can be written, and what writes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.outputs.existing import Existing
from pipelines.outputs.line_file import LineFile
from pipelines.outputs.output import Output
from pipelines.outputs.registry import SINKS, SinkPlugin
from pipelines.outputs.sink import SinkContext, SinkFactory
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.files import writing
from streamvision.core.model_location import ModelLocation
from streamvision.core.registry import Plugin
from streamvision.core.telemetry import DropCounter


def path_for_stream(path: Path, stream_id: str, *, several: bool) -> Path:
    """Return the file of one stream: ``F.mp4``, or ``F.<stream>.mp4`` where there are several.

    >>> path_for_stream(Path("out/tour.mp4"), "gate", several=True).as_posix()
    'out/tour.gate.mp4'
    """
    return path.with_name(f"{path.stem}.{stream_id}{path.suffix}") if several else path


def check_outputs(
    config: OutputsConfig,
    *,
    stream_ids: Sequence[str],
    inputs: Iterable[ModelLocation] = (),
    several: bool | None = None,
) -> None:
    """Find out whether every file can be written, without touching any; call it before anything slow begins.

    Args:
        config: the files that are wanted.
        stream_ids: all streams, since some files carry their names.
        inputs: the files that are read, of which none may be overwritten, and models on servers.
        several: whether files of one stream carry its name; default: where these are several.

    Raises:
        OutputError: naming the first file that cannot be written, and why.
        ConfigError: when there is no sink of a configured name, or it does not take its options.
    """
    if config.smooth:
        check_smoothing(config)
    read = {_identity(path) for path in inputs if isinstance(path, Path)}
    taken: set[object] = set()
    for plugin, target in _wanted(config):
        if plugin.folder:
            with writing(target, instead="give another folder"):
                _check_folder(target)
            continue
        if plugin.suffixes is not None and target.suffix.lower() not in plugin.suffixes:
            accepted = " or ".join(suffix for suffix in plugin.suffixes if suffix)
            raise OutputError(f"cannot write {plugin.summary} to {target}: give a name that ends in {accepted}")
        for path in _paths(plugin, target, stream_ids, several=len(stream_ids) > 1 if several is None else several):
            with writing(path):
                _check_writable(path)
            identity = _identity(path)
            if identity in taken:
                raise OutputError(f"two outputs have the same file {path}; give each its own")
            if identity in read:
                raise OutputError(f"output {path} would overwrite its own source or model; give another file")
            taken.add(identity)
    for one in config.sinks:
        SINKS.get(one.name).options_of(one.options)


def check_smoothing(config: OutputsConfig) -> None:
    """Find out whether there is a file of whole trajectories, and none that would tell of other identities.

    Raises:
        ConfigError: when there is none, or a table.
    """
    if config.table is not None:
        raise ConfigError(
            "a table has a row for each identity as it is seen, before trajectories are smoothed; leave out --table "
            "(outputs.table) or --smooth (outputs.smooth)"
        )
    if config.detections is None and config.mot is None:
        raise ConfigError("--smooth is about the files of --detections and --mot; give one of them, or leave it out")


@dataclass(frozen=True)
class OpenedFiles:
    """What a run has opened so far: streams that come later share text files, and overwrite nothing of this run."""

    line_files: dict[Path, LineFile] = field(default_factory=dict)
    """Text files that are open."""
    paths: set[Path] = field(default_factory=set)
    """All files that this run has opened; there is one more where a stream with a new id is added, which people do."""

    def forget_closed(self) -> None:
        """Let go of text files that nobody writes to any more."""
        for path, file in tuple(self.line_files.items()):
            if file.closed:
                self.line_files.pop(path, None)


def open_sinks(
    config: OutputsConfig,
    contexts: Sequence[SinkContext],
    *,
    further: Sequence[SinkFactory] = (),
    several: bool | None = None,
    shared: bool = False,
    files: OpenedFiles | None = None,
) -> dict[str, list[Output]]:
    """Open all files and return the outputs of each stream; what becomes of old files: :mod:`.existing`.

    Args:
        config: the files that are wanted.
        contexts: the streams.
        further: each makes one more sink of every stream.
        several: whether files of one stream carry its name; default: where these are several.
        shared: whether other processes have further streams: files that all share are then appended to, as
            :func:`prepare_shared_files` has left them.
        files: what the run has opened before.

    Raises:
        OutputError: when a file cannot be written; those opened before are closed again.
    """
    own = [context.stream_id for context in contexts]
    several = len(own) > 1 if several is None else several
    files = OpenedFiles() if files is None else files
    files.forget_closed()
    check_outputs(config, stream_ids=own, several=several)
    outputs: dict[str, list[Output]] = {stream_id: [] for stream_id in own}
    any_live = any(context.live for context in contexts)
    before = frozenset(files.paths)
    try:
        for context in (replace(one, outputs=config, line_files=files.line_files) for one in contexts):
            opened = outputs[context.stream_id]
            for plugin, target in _wanted(config):
                if plugin.name in context.without:
                    continue
                path = path_for_stream(target, context.stream_id, several=plugin.per_stream and several)
                live = context.live if plugin.per_stream else any_live
                existing = _existing(config, plugin, live=live)
                if not plugin.per_stream and (shared or path in before):
                    existing = "continue"
                elif path in before:
                    existing = "continue" if plugin.lines and live else "keep"
                files.paths.add(path)
                context_of_file = replace(
                    context, path=path, shared=shared and not plugin.per_stream, existing=existing
                )
                opened.append(_opened(plugin, context_of_file))
            for one in config.sinks:
                chosen = SINKS.get(one.name)
                opened.append(_opened(chosen, replace(context, options=chosen.options_of(one.options))))
            for number, factory in enumerate(further, 1):
                own_drops = DropCounter()
                sink = factory(replace(context, drops=own_drops))
                opened.append(Output(getattr(factory, "name", f"sink {number}"), sink, drops=own_drops))
    except Exception:
        for output in (output for opened in outputs.values() for output in opened):
            output.close()
        raise
    return outputs


def _opened(plugin: Plugin, context: SinkContext) -> Output:
    """Open one output; what it loses is counted apart from what the stream loses."""
    create = plugin.load()
    context = replace(context, drops=DropCounter(), memory={})
    again = replace(context, existing="continue")
    target = None if context.path is None else str(context.path)
    return Output(plugin.name, create(context), target=target, drops=context.drops, reopen=lambda: create(again))


def _existing(config: OutputsConfig, plugin: SinkPlugin, *, live: bool) -> Existing:
    if config.overwrite:
        return "overwrite"
    return "continue" if plugin.lines and live else "keep"


def prepare_shared_files(config: OutputsConfig, *, live: bool) -> None:
    """Make the files that all streams share, before several processes append to them.

    Args:
        config: the files that are wanted.
        live: whether one of the streams is live.

    Raises:
        OutputError: when one cannot be written.
    """
    for plugin, target in _wanted(config):
        if plugin.lines and not plugin.per_stream:
            existing = _existing(config, plugin, live=live)
            file = LineFile(target, existing=existing, header=plugin.header_of(target))
            file.retain()
            file.release()


def _wanted(config: OutputsConfig) -> Iterator[tuple[SinkPlugin, Path]]:
    """Yield the built-in sinks that are asked for, and their files or folders."""
    for plugin in SINKS.built_in:
        target = getattr(config, plugin.name, None)  # one without a key of its own is chosen under outputs.sinks
        if isinstance(plugin, SinkPlugin) and target is not None:
            yield plugin.for_outputs(config), target


def _paths(plugin: SinkPlugin, target: Path, stream_ids: Sequence[str], *, several: bool) -> list[Path]:
    if not plugin.per_stream:
        return [target]
    return [path_for_stream(target, stream_id, several=several) for stream_id in stream_ids]


def _identity(path: Path) -> object:
    """Return what is equal for all names of one file, links included."""
    try:
        found = path.stat()
    except OSError:
        return path.resolve()
    return found.st_dev, found.st_ino


def _check_writable(path: Path) -> None:
    folder = path.parent
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give the name of a file in it")
    if not folder.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {folder}; create it with mkdir -p {folder}")
    target = path if path.exists() else folder
    if not os.access(target, os.W_OK):
        raise OutputError(f"cannot write {path}: {target} is not writable; give a file in a folder that you may write")


def _check_folder(path: Path) -> None:
    """Find out whether a folder can be written to, or made."""
    if path.exists() and not path.is_dir():
        raise OutputError(f"cannot write pictures to {path}: it is a file; give a folder")
    if not path.is_dir() and not path.parent.is_dir():
        raise OutputError(f"cannot make {path}: there is no folder {path.parent}; create it with mkdir -p {path}")
    target = path if path.is_dir() else path.parent
    if not os.access(target, os.W_OK):
        raise OutputError(f"cannot write to {path}: {target} is not writable; give a folder that you may write to")
