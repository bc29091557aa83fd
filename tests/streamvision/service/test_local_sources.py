"""Files, pipes and devices of the machine as sources that somebody names over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.capture.registry import create_reader, parse_source
from streamvision.core.config.stream import StreamConfig
from streamvision.core.errors import SourceError
from streamvision.state.database import Database
from streamvision.state.folder import prepare_file
from support.serving import Served

Start = Callable[..., Any]
POST = ("POST", "/api/streams")
TRY = ("POST", "/api/streams/test-picture")


def locks(database: Path) -> list[tuple[str, ...]]:
    """Return the locks that this process holds on a database's files: kind, file, first and last byte."""
    numbers = {path.stat().st_ino for path in database.parent.glob(f"{database.name}*")}
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" not in line]
    return sorted(
        (row[1], row[3], *row[5:])
        for row in rows
        if row[4] == str(os.getpid()) and int(row[5].rpartition(":")[2]) in numbers
    )


def test_no_source_opens_the_database_whose_locks_would_end(start: Start, tmp_path: Path) -> None:
    state, films = tmp_path / "state", tmp_path / "films"
    films.mkdir()
    with start(str(state)) as served:
        served.add(id="gate")
        database = state / "state.db"
        os.link(database, films / "film.mp4")
        (films / "still.png").symlink_to(database)
        held = os.open(state / "state.db-shm", os.O_RDONLY)
        before = locks(database)
        assert before
        sources = [str(database), f"{database}-wal", f"{database}-shm", f"file://{database}", f"{database}?track=0"]
        sources += [f"{state}/*", f"{state}/state.d[b]", str(films / "film.mp4"), str(films), f"{films}/*.png"]
        sources += [f"/proc/self/fd/{held}", f"{films}/../state/./state.db", [str(films / "still.png"), str(films)]]
        for source in sources:
            for request in (TRY, POST):
                status, answer = served.ask(*request, {"source": source})
                assert (status, "belongs to the database" in answer["error"]) == (400, True), (source, answer)
        assert served.ask("PATCH", "/api/streams/gate", {"source": str(database)})[0] == 400
        assert locks(database) == before
        os.close(held)
        assert served.stream_ids() == ["gate"]


def test_a_file_that_becomes_the_database_is_not_opened(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"x")
    spec = parse_source(str(film))
    database = Database.open(tmp_path / "state")
    film.unlink()
    film.symlink_to(tmp_path / "state" / "state.db")
    with pytest.raises(SourceError, match="belongs to the database"):
        create_reader(spec, config=StreamConfig(source=str(film)))
    database.close()
    assert parse_source(str(film)).kind == "file"


def test_a_database_that_is_opened_twice_keeps_its_locks(tmp_path: Path) -> None:
    first = Database.open(tmp_path)
    with first.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
        before = locks(tmp_path / "state.db")
        prepare_file(tmp_path / "state.db")
        assert before
        assert locks(tmp_path / "state.db") == before
    first.close()


@pytest.mark.parametrize("name", ["pipe", "pipe.png", "pipe.mp4", "pipe_1.png"])
def test_pipes_are_refused_at_once_and_tries_go_on(start: Start, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with start(str(tmp_path / "state")) as served:
        for source in (
            str(tmp_path / name),
            str(tmp_path / "pipe_%d.png"),
            f"{tmp_path}/pipe*",
            [str(tmp_path / name)],
        ):
            for request in (TRY, POST):
                status, answer = served.ask(*request, {"source": source})
                assert status == 400, answer
        assert _still_tries(served)


@pytest.mark.parametrize("device", ["/dev/zero", "file:///dev/zero", " /dev/null ", "/dev/../dev/tty"])
def test_devices_that_are_no_camera_are_refused(start: Start, tmp_path: Path, device: str) -> None:
    with start(str(tmp_path / "state")) as served:
        for request in (TRY, POST):
            status, answer = served.ask(*request, {"source": device})
            assert (status, "can do more than" in answer["error"]) == (400, True), answer


@pytest.mark.parametrize("scene", ["boxes?fps=0", "drive?foo=1", f"boxes?seed={'9' * 400}", "nothing"])
def test_scenes_that_cannot_be_drawn_are_refused(start: Start, tmp_path: Path, scene: str) -> None:
    with start(str(tmp_path / "state")) as served:
        for request in (TRY, POST):
            status, answer = served.ask(*request, {"source": f"synthetic:{scene}"})
            assert (status, "is not understood" in answer["error"]) == (400, True), answer
        assert served.stream_ids() == []


@pytest.mark.parametrize("source", ["~nobody-of-that-name/*", "*" * 5000, f"/{'a/' * 3000}%d.png", "\x00*"])
def test_names_that_no_file_can_have_are_refused_in_a_sentence(start: Start, tmp_path: Path, source: str) -> None:
    with start(str(tmp_path / "state")) as served:
        for request in (TRY, POST):
            status, answer = served.ask(*request, {"source": source})
            assert (status, answer["error"].startswith("source ")) == (400, True), answer


def _still_tries(served: Served) -> bool:
    status, picture = served.request(*TRY, {"source": "synthetic:boxes?size=160x120"})
    return status == 200 and picture.startswith(b"\xff\xd8")
