"""Users of every kind in a real database, with a token each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from streamvision.core.config.serve import ServeConfig
from streamvision.state.accounts import Accounts
from streamvision.state.database import Database
from streamvision.state.folder import DATABASE_FILE

PASSWORD = "correct horse battery staple"
USERS: dict[str, dict[str, object]] = {"ann": {}, "bob": {}, "eve": {"streams": ["yard"]}}
"""An admin, a viewer, and a viewer of one stream."""


SCOPES = {
    "ann": ("ann", ["admin"]),
    "bob": ("bob", ["view"]),
    "eve": ("eve", ["view"]),
    "scraper": ("bob", ["metrics"]),
    "reader": ("ann", ["view"]),
}
"""By name of a token, whose it is and what it may be used for."""


class People:
    """The accounts, and what each proves itself with."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.tokens: dict[str, str] = {}

    def headers(self, who: str | None) -> dict[str, str]:
        """Return what a program sends for somebody."""
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}


@contextmanager
def people(folder: Path, config: ServeConfig | None = None) -> Iterator[People]:
    """Give a database with users: ``ann`` is an admin, ``bob`` a viewer, ``eve`` one of the stream ``yard``.

    Their tokens are under their names; ``scraper`` is bob's for metrics alone, ``reader`` ann's for viewing alone.
    """
    folder.mkdir(exist_ok=True)
    made, tokens = _made()
    shutil.copy(Path(made.name) / DATABASE_FILE, folder)
    database = Database.open(folder)
    try:
        found = People(Accounts.of(database, config or ServeConfig()))
        found.tokens = dict(tokens)
        yield found
    finally:
        database.close()


@lru_cache(maxsize=1)
def _made() -> tuple[tempfile.TemporaryDirectory[str], dict[str, str]]:
    """Make the database once for all tests: hashing takes its time."""
    folder = tempfile.TemporaryDirectory()
    database = Database.open(Path(folder.name))
    accounts = Accounts.of(database, ServeConfig())
    for name, options in USERS.items():
        accounts.users.add(name, PASSWORD, **options)  # type: ignore[arg-type]
    tokens = {key: accounts.tokens.add(name, name=key, scopes=given)[1] for key, (name, given) in SCOPES.items()}
    database.close()
    return folder, tokens
