"""``streamvision collect``: keeps the frames of streams that are worth labelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from streamvision.cli.options import build_config, field_option, model_options, privacy_options, source_options
from streamvision.cli.page_options import page_options
from streamvision.cli.sections import together
from streamvision.cli.session import run_session
from streamvision.cli.sources import Sources, SourcesCommand
from streamvision.cli.state_options import state_options
from streamvision.core.config.app import AppConfig, load_config
from streamvision.core.config.collect import CollectConfig, CollectReason
from streamvision.core.config.merging import in_keys
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import ConfigError
from streamvision.core.heap import limit_arenas


def _split(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return tuple(name for part in value.split(",") if (name := part.strip())) if value else None


collect_options = together(
    field_option("--output", CollectConfig, "folder", metavar="DIR"),
    field_option(
        "--reasons",
        CollectConfig,
        "reasons",
        type=str,
        metavar="A,B,...",
        callback=_split,
        help=f"{CollectConfig.model_fields['reasons'].description}  [default: {','.join(get_args(CollectReason))}]",
    ),
    field_option("--second-model", CollectConfig, "second_model", metavar="FILE"),
    field_option("--second-score", CollectConfig, "second_score"),
    field_option("--embedding-model", CollectConfig, "embedding_model", metavar="FILE"),
    field_option("--most", CollectConfig, "most", metavar="N"),
    field_option("--every-s", CollectConfig, "every_s", metavar="SECONDS"),
    field_option("--per-hour", CollectConfig, "per_hour", type=float, metavar="N"),
    field_option("--least", CollectConfig, "least", metavar="0..1"),
    heading="What is kept",
)
"""Options of the section ``collect``."""


@click.command(cls=SourcesCommand)
@click.option("--config", type=Path, metavar="FILE.yaml", help="Settings from a file; the command line wins over it.")
@collect_options
@source_options
@field_option("--realtime", StreamConfig, "realtime")
@field_option("--max-frames", AppConfig, "max_frames")
@model_options
@privacy_options
@click.option("--serve", metavar="HOST:PORT", help="Show the streams on a web page meanwhile, such as 127.0.0.1:8080.")
@page_options
@state_options
@click.option("--json", "as_json", is_flag=True, help="Print the final report as one JSON document on stdout.")
def collect(
    config: Path | None, sources: Sources, as_json: bool, state: Path, database: str | None, **given: Any
) -> int:
    """Keep the frames of streams that are worth labelling, with what the model proposes to mark on them.

    A model learns most from what it is wrong about. It is likely to be wrong where it is unsure, where objects come, go
    and change their class from one frame to the next, where the tracker or a second model says something else, and
    where a picture looks like nothing before. Of every two seconds the hardest frame is kept, and none that looks
    like one that was kept, labelled or thrown away before. The streams themselves are not slowed down.

    \b
    Then: streamvision label DIR          look at what was kept, correct the boxes
          streamvision train --add DIR    learn from it

    \b
    Examples:
      streamvision collect drive.mp4 --output hard
      streamvision collect drive.mp4 --model mine.onnx --second-model larger.onnx --output hard --most 50
      streamvision collect rtsp://camera/ --model mine.onnx --output hard --per-hour 6 --reasons flicker,disagreement
      streamvision run --config cameras.yaml --collect hard      (beside everything else; serve, too)
    """
    limit_arenas()
    section: dict[str, Any] = dict(in_keys("collect", load_config(config).get("collect")) or {}) if config else {}
    for name in CollectConfig.model_fields:
        if (value := given.pop(name)) is not None:
            section[name] = value
    if not section.get("folder"):
        raise ConfigError("there is no folder to collect into; name one, such as --output hard")
    settled = build_config(config, sources, given | {"collect": section})
    return run_session(settled, as_json=as_json, state=state, database=database)
