"""The database of a service: SQLite in a folder and a real PostgreSQL server, migrations, permissions, locks."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from streamvision.core.errors import ConfigError, StateError
from streamvision.state.database import Database
from streamvision.state.folder import default_folder, in_use
from streamvision.state.migrating import MIGRATIONS, VERSION_TABLE
from streamvision.state.tables import METADATA, SETTINGS
from support.postgres_server import PostgresServer


def _set(database: Database, name: str, value: object) -> None:
    with database.begin() as connection:
        connection.execute(SETTINGS.insert().values(name=name, value=value))


def _get(database: Database, name: str) -> object:
    with database.reading() as connection:
        return connection.execute(select(SETTINGS.c.value).where(SETTINGS.c.name == name)).scalar_one_or_none()


def test_what_is_committed_is_there_after_opening_again(database_place: str) -> None:
    first = Database.open(database_place)
    _set(first, "layout", {"columns": 3, "names": ["Tür", "ворота"]})
    first.close()
    second = Database.open(database_place)
    assert _get(second, "layout") == {"columns": 3, "names": ["Tür", "ворота"]}
    second.close()


def test_what_raises_is_rolled_back_and_a_contradiction_is_told_apart(database_place: str) -> None:
    database = Database.open(database_place)
    _set(database, "one", 1)
    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(SETTINGS.insert().values(name="two", value=2))
        connection.execute(SETTINGS.insert().values(name="one", value=3))
    assert (_get(database, "one"), _get(database, "two")) == (1, None)
    database.close()


def test_migrations_lead_to_the_tables_that_the_program_knows(database_place: str) -> None:
    database = Database.open(database_place)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_a_newer_state_is_refused_and_left_as_it_is(database_place: str) -> None:
    database = Database.open(database_place)
    with database.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    database.close()
    with pytest.raises(StateError, match=r"newer StreamVision \(version 9999; this one knows up to \d+\); update"):
        Database.open(database_place)


def test_a_state_of_the_first_version_is_migrated_and_keeps_what_it_holds(database_place: str) -> None:
    database = Database.open(database_place)
    with database.begin() as connection:
        METADATA.drop_all(connection)
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(SETTINGS.insert().values(name="layout", value={"columns": 3}))
    database.close()
    database = Database.open(database_place)
    assert _get(database, "layout") == {"columns": 3}
    with database.reading() as connection:
        assert set(METADATA.tables) <= set(inspect(connection).get_table_names())
    database.close()


def test_tables_of_another_program_are_not_touched(database_place: str) -> None:
    database = Database.open(database_place)
    with database.begin() as connection:
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
    database.close()
    with pytest.raises(StateError, match=r"tables of another program \(.*settings"):
        Database.open(database_place)


def test_processes_that_open_an_empty_state_at_once_migrate_it_once(database_place: str) -> None:
    code = f"from streamvision.state.database import Database; Database.open({database_place!r}).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)]
    assert [(p.wait(timeout=120), p.stderr.read()) for p in processes if p.stderr] == [(0, b"")] * 2


def test_many_threads_write_and_read_beside_each_other(database_place: str) -> None:
    database = Database.open(database_place)
    faults: list[Exception] = []

    def work(number: int) -> None:
        try:
            for index in range(10):
                _set(database, f"{number}-{index}", index)
                assert _get(database, f"{number}-{index}") == index
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    with database.reading() as connection:
        assert len(connection.execute(select(SETTINGS)).all()) == 60
    database.close()


def test_a_killed_process_loses_nothing_that_it_had_committed(database_place: str) -> None:
    code = (
        "import itertools\nfrom streamvision.state.database import Database\n"
        "from streamvision.state.tables import SETTINGS\n"
        f"database = Database.open({database_place!r})\n"
        "for number in itertools.count():\n"
        "    with database.begin() as connection:\n"
        "        connection.execute(SETTINGS.insert().values(name=str(number), value=number))\n"
        "    print(number, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = -1
    while acknowledged < 25:
        acknowledged = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
    process.wait(timeout=20)
    database = Database.open(database_place)
    with database.reading() as connection:
        found = set(connection.execute(select(SETTINGS.c.value)).scalars())
    database.close()
    assert set(range(acknowledged + 1)) <= found


def test_only_the_owner_can_read_the_state(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    previous = os.umask(0)
    try:
        database = Database.open(folder)
        _set(database, "secret", "x")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}
    finally:
        os.umask(previous)
    assert modes == {"state": 0o700, "state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    database.close()
    (folder / "state.db").chmod(0o644)
    folder.chmod(0o755)
    Database.open(folder).close()
    assert stat.S_IMODE((folder / "state.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_with_other_files_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("")
    tmp_path.chmod(0o755)
    Database.open(tmp_path).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_folder_in_use_is_refused_until_its_service_has_ended_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\nfrom streamvision.state.folder import in_use\n"
        f"with in_use(pathlib.Path({str(tmp_path)!r})):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(StateError, match=rf"is in use by a service .*process {holder.pid}\); stop"), in_use(tmp_path):
        pass
    holder.kill()
    holder.wait(timeout=20)
    with in_use(tmp_path), pytest.raises(StateError), in_use(tmp_path):
        pass
    with in_use(tmp_path):
        pass


def test_a_postgresql_database_in_use_is_refused_until_its_service_has_ended_however_that_ends(
    postgres: PostgresServer,
) -> None:
    """The folders differ, so that their locks say nothing."""
    place = postgres.create_database()
    code = (
        "import time\nfrom streamvision.state.database import Database\n"
        f"with Database.open({place!r}).in_use():\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    database = Database.open(place)
    with pytest.raises(StateError, match="is in use by a service that runs already") as caught, database.in_use():
        pass
    assert "--database" in str(caught.value)
    _set(database, "layout", 1)  # commands such as users need no lock
    holder.kill()
    holder.wait(timeout=20)
    with database.in_use():
        assert _get(database, "layout") == 1
    with database.in_use():
        pass
    other = Database.open(postgres.create_database())
    with database.in_use(), other.in_use():
        pass
    other.close()
    database.close()


@pytest.mark.parametrize("content", [b"this is a letter, no database" * 100, b"SQLite format 3\0" + b"\xff" * 2000])
def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.db").write_bytes(content)
    with pytest.raises(StateError, match=r"state\.db cannot be used: ") as caught:
        Database.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"cannot write the state folder .*; give another folder with --state DIR"):
        Database.open(tmp_path / "file")


def test_addresses_that_are_not_postgresqls_are_refused() -> None:
    with pytest.raises(ConfigError, match="'mysql' are not supported; give postgresql://"):
        Database.open("mysql://user:geheim@host/name")
    with pytest.raises(ConfigError, match="cannot be read; give postgresql://"):
        Database.open("postgresql://host:port/name")


def test_a_server_that_is_not_there_is_one_sentence_without_the_password() -> None:
    with pytest.raises(StateError, match="cannot be used: ") as caught:
        Database.open("postgresql://owner:geheim@127.0.0.1:9/name")
    assert "geheim" not in str(caught.value) and "\n" not in str(caught.value)


def test_the_folder_of_the_environment_or_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMVISION_STATE", "/srv/cameras")
    assert default_folder() == Path("/srv/cameras")
    monkeypatch.delenv("STREAMVISION_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", "/home/me/state")
    assert default_folder() == Path("/home/me/state/streamvision")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_folder() == Path.home() / ".local/state/streamvision"
