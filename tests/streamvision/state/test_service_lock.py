"""The hold of a service on a real PostgreSQL database whose connection, or server, goes."""

from __future__ import annotations

import pytest
import sqlalchemy

from streamvision.core.errors import StateError
from streamvision.state import service_lock
from streamvision.state.database import Database
from support.postgres_server import PostgresServer
from support.serving import until

HOLDERS = sqlalchemy.text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")
END = sqlalchemy.text("SELECT pg_terminate_backend(:pid)")


def holders(database: Database) -> list[int]:
    with database.reading() as connection:
        return list(connection.scalars(HOLDERS))


def end_session(database: Database, pid: int) -> None:
    """Let the server end a session, as where it is started anew."""
    with database.begin() as connection:
        connection.execute(END, {"pid": pid})


def test_a_hold_that_was_lost_is_taken_again_while_nobody_else_has_it(postgres: PostgresServer) -> None:
    database, other = (Database.open(place) for place in [postgres.create_database()] * 2)
    lost: list[str] = []
    with database.in_use(on_loss=lost.append):
        (first,) = holders(other)
        end_session(other, first)
        until(lambda: holders(other) not in ([], [first]), "it is held again")
        with pytest.raises(StateError, match="is in use by a service that runs already"), other.in_use():
            pass
        assert not lost
    assert holders(other) == []
    database.close()
    other.close()


def test_whoever_lost_it_to_another_service_is_told(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_lock, "LOOK_S", 5.0)  # so that the other comes first
    database, other = (Database.open(place) for place in [postgres.create_database()] * 2)
    lost: list[str] = []
    with database.in_use(on_loss=lost.append):

        def other_takes_it() -> bool:
            for pid in holders(other):
                end_session(other, pid)
            try:
                with other.in_use():
                    until(lambda: lost, "the first is told")
            except StateError:  # the first was sooner
                return False
            return True

        until(other_takes_it, "the other holds it", 120)
    assert "hold on the database was lost" in lost[0] and "\n" not in lost[0]
    database.close()
    other.close()
