"""``streamvision label``: pictures labelled on a page in the browser."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from streamvision.cli.browser import open_page
from streamvision.cli.data_report import describe_problems
from streamvision.cli.dataset_options import format_option
from streamvision.cli.options import field_option
from streamvision.cli.page_options import announce, ask_first_admin, page_options
from streamvision.cli.progress import StepProgress
from streamvision.cli.signals import exit_code, handled_signals
from streamvision.cli.state_options import state_options
from streamvision.core.config.merging import parse_address
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.section import validate
from streamvision.core.config.serve import ServeConfig
from streamvision.core.errors import ConfigError
from streamvision.core.live import LiveView
from streamvision.core.logs import say
from streamvision.core.picture import BgrPicture
from streamvision.core.words import counted
from streamvision.datasets.collection import Collection, create_collection
from streamvision.datasets.collection_adding import Propose, add_pictures, pictures_without_labels
from streamvision.datasets.collection_files import is_collection
from streamvision.datasets.collection_records import ProposedBox
from streamvision.datasets.dataset import DatasetFormat
from streamvision.datasets.files import find_pictures
from streamvision.datasets.labelling import FolderLabelling
from streamvision.inference.model import Model
from streamvision.models import DEFAULT_MODEL, with_default_model
from streamvision.service.labelling import end_labelling
from streamvision.service.page_access import page_access
from streamvision.web import listening, web_server
from streamvision.web.open_files import raise_limit

PAGE = "127.0.0.1:8080"
POLL_S = 0.2
LOWEST_SCORE = 0.2
"""Of a box that is proposed, unless another is asked for: one too many is a key press, one too few has to be drawn."""

_log = logging.getLogger(__name__)


@click.command()
@click.argument("folder", type=Path)
@click.option(
    "--add",
    "added",
    type=Path,
    multiple=True,
    metavar="PICTURES",
    help="Let pictures of this folder wait in FOLDER, which is made where it is not there; of a data set, those that "
    "have no labels. They are copied. May be given several times.",
)
@format_option(of="a data set that is added")
@click.option(
    "--model",
    metavar="FILE|NAME|URL|none",
    help="Proposes boxes on pictures that are added; none: nobody does.  [default: road_signs]",
)
@click.option(
    "--score",
    "--conf",
    type=click.FloatRange(0, 1),
    default=LOWEST_SCORE,
    show_default=True,
    help="Lowest score of a box that is proposed.",
)
@click.option("--serve", default=PAGE, show_default=True, metavar="HOST:PORT", help="Where the page is shown.")
@page_options
@field_option("--host-name", ServeConfig, "host_names", multiple=True, metavar="NAME")
@state_options
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser, where there is a screen.")
def label(
    folder: Path,
    added: Sequence[Path],
    data_format: DatasetFormat | None,
    model: str | None,
    score: float,
    serve: str,
    state: Path,
    database: str | None,
    browser: bool,
    **given: Any,
) -> int:
    """Label pictures on a page in the browser, until Ctrl-C.

    FOLDER is one that `streamvision collect` has written, or a new one that pictures are added to. Boxes that a model
    proposes are dashed: correct them with mouse or keys, and press Enter to accept the picture and go on; ? on the page
    shows all keys. Each accepted picture is saved at once: FOLDER is a YOLO data set (data.yaml) and a COCO one
    (annotations.json) of all that was accepted, for `streamvision train` and others.

    \b
    Examples:
      streamvision label collected/                             what `streamvision collect` has kept
      streamvision label labels/ --add photos/                  pictures, with boxes of the road-sign model
      streamvision label labels/ --add photos/ --model yolo.onnx --conf 0.3
      streamvision label labels/ --add dataset/ --model none    those of a data set that have no labels
      streamvision label labels/ --serve 0.0.0.0:8080           with others, who sign in (streamvision users add)
    Then:
      streamvision data inspect labels/
      streamvision train --data labels/
    """
    options = {name: value for name, value in given.items() if value not in (None, ())}
    config = validate(ServeConfig, {**parse_address(serve), **options}, origin="--serve")
    found = [(source, *pictures_without_labels(source, data_format)) for source in added]
    collection = _collection(folder, added)
    for source, pictures, names in found:
        _add(collection, source, pictures, names, model, score)
    counts = collection.counts()
    say(f"{folder}: {counted(counts.waiting, 'pictures')} waiting, {counts.labelled} labelled")
    code = _serve(FolderLabelling(folder), config, state, database, open_browser=browser)
    _say_what_comes_next(collection)
    return code


def _say_what_comes_next(collection: Collection) -> None:
    counts, folder = collection.counts(), shlex.quote(str(collection.folder))
    say(f"{collection.folder}: {counts.labelled} labelled, {counted(counts.waiting, 'pictures')} waiting")
    if counts.labelled:
        say(f"Next: streamvision train --model runs/train/RUN/weights/best.pt --add {folder}    (go on from a run)")
        say(f"  or: streamvision train --data {folder} --model WEIGHTS    (from these pictures alone)")


def _collection(folder: Path, added: Sequence[Path]) -> Collection:
    """Return the folder that is labelled, made where pictures are added to a new one.

    Raises:
        ConfigError: when it is none, and cannot become one.
    """
    if added:
        return create_collection(folder, ())
    if not is_collection(folder) and folder.is_dir() and find_pictures(folder):
        raise ConfigError(
            f"{folder} holds pictures, but is no folder to label in: give a new one, and these with --add, as "
            f"`streamvision label NEW --add {folder}`"
        )
    if not folder.exists():
        raise ConfigError(f"there is no folder {folder}; give one of `streamvision collect`, or pictures with --add")
    return Collection(folder)


def _add(
    collection: Collection,
    source: Path,
    pictures: Sequence[Path],
    names: Sequence[str],
    model: str | None,
    score: float,
) -> None:
    """Let the pictures of a folder wait, with what a model proposes.

    Raises:
        ModelError: when the model cannot be read, or finds no boxes.
    """
    with ExitStack() as stack:
        opened = None if model == "none" or not pictures else stack.enter_context(_model(model, score))
        create_collection(collection.folder, (*names, *(opened.names if opened else ())))
        progress = stack.enter_context(StepProgress("pictures"))
        done = add_pictures(
            collection,
            pictures,
            origin=str(source),
            model_name=(model or DEFAULT_MODEL) if opened else "",
            propose=_proposing(opened) if opened else lambda _bgr: (),
            progress=progress.show,
        )
    passed = f"; {done.known} passed over, which were there before" if done.known else ""
    say(f"{source}: {counted(len(done.names), 'pictures')} added{passed}")
    if done.problems:
        click.echo("\n".join(describe_problems(done.problems, folder=source, everything=False)), err=True)


def _model(given: str | None, score: float) -> Model:
    document, said = with_default_model({"model": {"score": score, **({"path": given} if given else {})}})
    if said:
        _log.info("%s", said)
    return Model.open(validate(ModelConfig, document["model"], origin="--model"))


def _proposing(model: Model) -> Propose:
    def propose(bgr: NDArray[np.uint8]) -> list[ProposedBox]:
        (found,) = model.detect([BgrPicture(bgr)])
        return [
            ProposedBox(model.names[class_id], score, (left, top, right, bottom))
            for class_id, score, (left, top, right, bottom) in zip(
                found.class_id.tolist(), found.score.tolist(), found.box_xyxy_px.tolist(), strict=True
            )
        ]

    return propose


def _serve(
    labelling: FolderLabelling, config: ServeConfig, state: Path, database: str | None, *, open_browser: bool
) -> int:
    """Show the page until a signal; return the exit code.

    Raises:
        ConfigError: when it could be reached by others, and nobody signs in.
        OutputError: when its port is taken.
    """
    view = LiveView({}, statuses=list, stage_times=dict, model="")
    view.labelling = labelling
    with (
        page_access(config, state, database, ask_first_admin=ask_first_admin, by_link=False) as access,
        handled_signals(reloads=False) as signals,
        listening(config) as listener,
    ):
        raise_limit()
        server = web_server(config, view, listener=listener, login=access.login, certificate=access.certificate)
        assert server is not None
        try:
            server.start()
            announce(server, config, access, state)
            if open_browser:
                open_page(server.url)
            while not signals.stop and server.serving:
                time.sleep(POLL_S)
        finally:
            server.stop()
            end_labelling(labelling)
    return exit_code(signals.stop)
