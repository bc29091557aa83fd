"""What a service has recorded, from the command line."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import click
import pytest
from click.testing import CliRunner, Result

from streamvision.cli.main import cli
from streamvision.cli.moments import Moment
from streamvision.core.errors import ConfigError, StateError
from streamvision.core.recordings import RecordingAbsentError
from streamvision.state.audit import Audit
from streamvision.state.database import Database
from streamvision.state.folder import in_use
from support.recorded_segments import files_below, record, recording_store

DAY_S = 86400.0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Three files of the door, minutes ago, and one of the yard of yesterday."""
    folder = tmp_path / "state"
    with recording_store(str(folder), folder / "recordings") as store:
        store.start()
        now_s = time.time()
        for age_s in (300, 200, 100):
            record(store, "door", start_unix_s=now_s - age_s)
        record(store, "yard", start_unix_s=now_s - DAY_S)
    return folder


def recordings(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["recordings", arguments[0], "--state", str(state), *arguments[1:]], standalone_mode=False
    )


def answer(state: Path, *arguments: str) -> Any:
    result = recordings(state, *arguments, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def test_what_there_is_is_listed(state: Path) -> None:
    everything = answer(state, "list")
    assert [one["stream"] for one in everything["recordings"]] == ["yard", "door", "door", "door"]
    assert everything["summary"]["kinds"]["continuous"]["files"] == 4
    assert len(answer(state, "list", "door", "--since", "150s")["recordings"]) == 1
    shown = recordings(state, "list").stdout
    assert "4 files in all" in shown and "h264" in shown
    nothing = recordings(state, "list", "attic", "yard", "--since", "2h").stdout
    assert nothing.startswith("Nothing was recorded of attic, yard in that time.")


def test_a_span_is_exported_as_one_file_and_nothing_is_replaced(state: Path, tmp_path: Path) -> None:
    film = tmp_path / "door.mp4"
    said = answer(state, "export", "door", "--since", "10m", "-o", str(film))
    assert said == {"file": str(film), "bytes": film.stat().st_size}
    with av.open(str(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30
    again = recordings(state, "export", "door", "--since", "10m", "-o", str(film))
    assert isinstance(again.exception, ConfigError) and "is there already" in str(again.exception)
    turned = recordings(state, "export", "door", "--since", "1m", "--until", "2m", "-o", str(tmp_path / "turned.mp4"))
    assert isinstance(turned.exception, ConfigError) and str(turned.exception) == "--since must come before --until"
    nothing = recordings(state, "export", "attic", "--since", "10m", "-o", str(tmp_path / "attic.mp4"))
    assert isinstance(nothing.exception, RecordingAbsentError) and not (tmp_path / "attic.mp4").exists()


def test_what_is_kept_and_removed_is_so_and_stands_in_the_audit(state: Path) -> None:
    assert answer(state, "keep", "door", "--since", "250s") == {"kept": True, "files": 2}
    assert sorted(one["kind"] for one in answer(state, "list", "door")["recordings"]) == ["continuous", "kept", "kept"]
    assert answer(state, "keep", "door", "--since", "150s", "--no-longer") == {"kept": False, "files": 1}
    assert answer(state, "remove", "door", "--since", "250s") == {"removed": 2}
    assert [path.split("/")[0] for path in sorted(files_below(state / "recordings"))] == ["door", "yard"]
    database = Database.open(state)
    assert [line.action for line in Audit(database).find()] == [
        "recordings removed",
        "recordings kept no longer",
        "recordings kept",
    ]
    database.close()


def test_the_index_is_made_anew_from_the_files_unless_a_service_runs(state: Path) -> None:
    (gone, *_) = (state / "recordings/door").rglob("*.mp4")
    gone.unlink()
    (state / "state.db").rename(state / "lost.db")
    Database.open(state).close()
    assert answer(state, "list")["recordings"] == []
    assert answer(state, "rebuild") == {"files": 3, "added": 3, "forgotten": 0, "removed": 0}
    assert len(answer(state, "list")["recordings"]) == 3
    with in_use(state):
        assert isinstance(recordings(state, "rebuild").exception, StateError)


def test_a_state_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert isinstance(recordings(tmp_path / "none", "list").exception, StateError)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("text", "wanted_unix_s"),
    [
        ("1777636800.5", 1777636800.5),
        ("2026-05-01T12:00:00Z", 1777636800.0),
        ("2026-05-01 14:00+02:00", 1777636800.0),
        ("2026-05-01", datetime(2026, 5, 1).timestamp()),
        ("2026-05-01 12:30", datetime(2026, 5, 1, 12, 30).timestamp()),
    ],
)
def test_moments_are_taken_as_people_type_them(text: str, wanted_unix_s: float) -> None:
    assert Moment().convert(text, None, None) == wanted_unix_s


def test_a_moment_may_be_so_long_ago_and_what_is_none_is_refused() -> None:
    assert Moment().convert("1.5h", None, None) == pytest.approx(time.time() - 5400, abs=60)
    for text in ("soon", "12:30", "-5", "1e400", "2026-13-01", "nan", "5y"):
        with pytest.raises(click.UsageError, match="is no time; give one such as"):
            Moment().convert(text, None, None)
