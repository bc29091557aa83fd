"""Users, passwords, sign-ins, tokens and the audit, in SQLite and PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from streamvision.core.config.serve import ServeConfig
from streamvision.core.errors import ConfigError
from streamvision.state import audit as audit_module
from streamvision.state.accounts import Accounts
from streamvision.state.database import Database
from streamvision.state.passwords import check_password
from streamvision.state.sessions import MAX_OF_USER, Sessions, digest
from streamvision.state.tables import SESSIONS, TOKENS, USERS
from streamvision.state.tokens import PREFIX, UnknownTokenError
from streamvision.state.users import LastAdminError, UnknownUserError, UserExistsError

WORDS = "correct horse battery staple"


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Open a database: for a test that asks for ``database_place``, too, in SQLite and on a PostgreSQL server."""
    both = "database_place" in request.fixturenames
    opened = Database.open(request.getfixturevalue("database_place") if both else tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts.of(database, ServeConfig())


def test_users_are_added_found_changed_and_removed(database_place: str, accounts: Accounts) -> None:
    users = accounts.users
    assert not users.exist() and users.list() == []
    ann = users.add("Ann", WORDS)
    assert (ann.name, ann.role, ann.streams, ann.version) == ("Ann", "admin", None, 1), "the first one is an admin"
    bob = users.add("bob@example.org", WORDS, streams=["gate", "gate", "yard"])
    assert (bob.role, bob.streams) == ("viewer", ("gate", "yard"))
    assert users.exist() and [user.name for user in users.list()] == ["Ann", "bob@example.org"]
    assert users.get("ANN") == ann
    changed = users.change("BOB@example.org", streams=None)
    assert changed.streams is None and changed.version == 2
    users.remove("Bob@Example.org")
    assert [user.name for user in users.list()] == ["Ann"]
    for call in (users.get, users.remove, lambda name: users.change(name, role="admin")):
        with pytest.raises(UnknownUserError, match="no user 'bob'"):
            call("bob")


def test_names_differ_by_more_than_case_and_are_plain(accounts: Accounts) -> None:
    accounts.users.add("ann", WORDS)
    with pytest.raises(UserExistsError, match="'ANN' already"):
        accounts.users.add("ANN", WORDS)
    for name in ("", "a b", "a/b", "-ann", "é", "a" * 65, "a\n"):
        with pytest.raises(ConfigError, match="cannot be the name of a user"):
            accounts.users.add(name, WORDS)
    with pytest.raises(ConfigError, match="'boss' is no role"):
        accounts.users.add("bob", WORDS, role="boss")
    with pytest.raises(ConfigError, match="streams are given by their ids"):
        accounts.users.add("bob", WORDS, streams=["a/b"])


def test_there_is_always_an_admin(database_place: str, accounts: Accounts) -> None:
    with pytest.raises(ConfigError, match="first user must be an admin"):
        accounts.users.add("bob", WORDS, role="viewer")
    accounts.users.add("ann", WORDS)
    for change in (lambda: accounts.users.remove("ann"), lambda: accounts.users.change("ann", role="viewer")):
        with pytest.raises(LastAdminError, match="'ann' is the only admin"):
            change()
    accounts.users.add("eve", WORDS, role="admin")
    accounts.users.remove("ann")
    with pytest.raises(UserExistsError, match="sign in as one of them"):
        accounts.users.add("mallory", WORDS, role="admin", only_first=True)


def test_passwords_are_verified_and_kept_as_argon2id(accounts: Accounts, database: Database) -> None:
    accounts.users.add("ann", "Zürich hat viele Brücken")
    assert accounts.users.verify("Ann", "Zürich hat viele Brücken") is not None, "composed otherwise, the same"
    assert accounts.users.verify("ann", "zürich hat viele brücken") is None
    assert accounts.users.verify("nobody", "Zürich hat viele Brücken") is None
    with database.reading() as connection:
        kept = connection.execute(select(USERS.c.password)).scalar_one()
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_what_is_no_text_is_nobodys_password(accounts: Accounts) -> None:
    accounts.users.add("ann", "a row? of words")
    assert accounts.users.verify("ann", "a row\ud800 of words") is None
    with pytest.raises(ConfigError, match="half a character"):
        accounts.users.change("ann", password="a row\udcff of words")
    assert accounts.users.verify("ann", "a row? of words") is not None


def test_a_password_of_former_parameters_is_hashed_anew_when_it_is_used(accounts: Accounts, database: Database) -> None:
    accounts.users.add("ann", WORDS)
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(WORDS)
    with database.begin() as connection:
        connection.execute(update(USERS).values(password=old))
    assert accounts.users.verify("ann", "wrong") is None
    assert accounts.users.verify("ann", WORDS) is not None
    with database.reading() as connection:
        kept = connection.execute(select(USERS.c.password)).scalar_one()
    assert kept != old and "m=19456" in kept
    assert accounts.users.verify("ann", WORDS) is not None


@pytest.mark.parametrize(
    "password",
    ["password", "Passw0rd!", "P@ssw0rd123", "12345678", "87654321", "qwertyuiop", "QWERTZUI", "1q2w3e4r", "aaaaaaaa",
     "abcabcabc", "iloveyou1", "streamvision1", "Hikvision2024", "admin123!", "letmein!!", "operator1", "2024-11-29"],
)  # fmt: skip
def test_passwords_that_are_tried_first_are_refused(password: str) -> None:
    with pytest.raises(ConfigError, match="tried first"):
        check_password(password, user="operator1")


@pytest.mark.parametrize(
    "password",
    [WORDS, "dxk4-93jq", "viewer of the gate", "my dog eats 3 shoes", "пароль из слов", "🐴🔋🐴🔋 fine", "8f!2§kq0",
     "secret-password-1", "x" * 3 + "yz" * 100],
)  # fmt: skip
def test_others_are_taken_whatever_their_characters(password: str) -> None:
    assert check_password(password, user="ann")


def test_lengths_are_bounded(accounts: Accounts) -> None:
    for password in ("short", "", "x7" * 129):
        with pytest.raises(ConfigError, match=r"characters; give one of 8 to 256") as caught:
            check_password(password, user="ann")
        assert not password or password not in str(caught.value)
    accounts.users.add("ann", WORDS)
    assert accounts.users.verify("ann", "x" * 10_000_000) is None


def test_sign_ins_end_by_themselves(database: Database, accounts: Accounts) -> None:
    ann = accounts.users.add("ann", WORDS)
    secret = accounts.sessions.begin(ann)
    found = accounts.sessions.find(digest(secret))
    assert found is not None and found.user == ann
    with database.reading() as connection:
        assert secret not in str(connection.execute(select(SESSIONS)).all())
    assert Sessions(database, idle_s=1e-9, longest_s=60).find(digest(secret)) is None
    assert Sessions(database, idle_s=60, longest_s=1e-9).find(digest(secret)) is None
    assert accounts.sessions.find(secret) is None and accounts.sessions.find("") is None
    accounts.sessions.end(digest(secret))
    assert accounts.sessions.find(digest(secret)) is None


def test_use_keeps_a_sign_in_and_old_ones_are_cleared(
    database_place: str, database: Database, accounts: Accounts
) -> None:
    ann = accounts.users.add("ann", WORDS)
    secrets = [accounts.sessions.begin(ann) for _ in range(MAX_OF_USER + 3)]
    assert len(set(secrets)) == len(secrets)
    alive = [accounts.sessions.find(digest(secret)) is not None for secret in secrets]
    assert alive == [False] * 3 + [True] * MAX_OF_USER
    long_ago_s = time.time() - 3600
    with database.begin() as connection:
        connection.execute(update(SESSIONS).values(used_unix_s=long_ago_s))
    assert accounts.sessions.find(digest(secrets[-1]))
    with database.reading() as connection:
        used = connection.execute(select(SESSIONS.c.used_unix_s)).scalars().all()
    assert sum(one > long_ago_s + 60 for one in used) == 1
    brief = Sessions(database, idle_s=60, longest_s=7 * 86400)
    brief.begin(ann)
    with database.reading() as connection:
        assert len(connection.execute(select(SESSIONS)).all()) == 2, "those that were not used have gone"


def test_a_new_password_ends_sign_ins_and_removal_ends_tokens(database_place: str, accounts: Accounts) -> None:
    accounts.users.add("root", WORDS)
    bob = accounts.users.add("bob", WORDS)
    secret, (_, token) = accounts.sessions.begin(bob), accounts.tokens.add("bob")
    accounts.users.change("bob", role="admin")
    assert accounts.sessions.find(digest(secret)) is not None
    accounts.users.change("bob", password="another row of words")
    assert accounts.sessions.find(digest(secret)) is None
    assert accounts.tokens.find(digest(token)) is not None
    accounts.users.remove("bob")
    assert accounts.tokens.find(digest(token)) is None


def test_tokens_are_shown_once_scoped_and_expire(database_place: str, database: Database, accounts: Accounts) -> None:
    accounts.users.add("ann", WORDS)
    token, secret = accounts.tokens.add("Ann", name="prometheus", scopes=["metrics", "view"], expires_days=30)
    assert secret.startswith(PREFIX) and len(secret) > 40
    assert (token.name, token.scopes, token.used_unix_s) == ("prometheus", ("view", "metrics"), None)
    assert token.expires_unix_s is not None and 29 < (token.expires_unix_s - time.time()) / 86400 <= 30
    found = accounts.tokens.find(digest(secret))
    assert found is not None and found.user.name == "ann" and accounts.tokens.get(token.id).used_unix_s
    with database.begin() as connection:
        assert secret not in str(connection.execute(select(TOKENS)).all())
        connection.execute(update(TOKENS).values(expires_unix_s=time.time() - 1))
    assert accounts.tokens.find(digest(secret)) is None
    accounts.tokens.remove(token.id)
    with pytest.raises(UnknownTokenError):
        accounts.tokens.remove(token.id)
    lasting, _ = accounts.tokens.add("ann", expires_days=None)
    assert lasting.expires_unix_s is None and accounts.tokens.list("ann") == [lasting] == accounts.tokens.list()


def test_tokens_that_make_no_sense_are_refused(accounts: Accounts) -> None:
    accounts.users.add("ann", WORDS)
    accounts.users.add("guest", WORDS, streams=["gate"])
    for wrong in ({"scopes": []}, {"scopes": ["all"]}, {"expires_days": 0}, {"expires_days": 1e9},
                  {"expires_days": float("nan")}, {"name": "x" * 65}, {"name": "a\nb"}):  # fmt: skip
        with pytest.raises(ConfigError):
            accounts.tokens.add("ann", **wrong)
    with pytest.raises(ConfigError, match="guest may not do that itself"):
        accounts.tokens.add("guest", scopes=["metrics"])
    with pytest.raises(UnknownUserError):
        accounts.tokens.add("nobody")


def test_the_audit_is_paged_bounded_and_holds_no_secret(
    database_place: str, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "KEPT", 20)
    for number in range(205):
        accounts.audit.add(who="ann", address="192.0.2.1", action="change", target=f"stream {number}")
    accounts.audit.add(who="x" * 500, address="a", action="b", target="rtsp://me:secret@cam/", details={"keys": ["a"]})
    lines = accounts.audit.find(limit=1000)
    assert len(lines) <= 20 + 100 and "secret" not in lines[0].target and len(lines[0].who) == 128
    assert lines[0].details == {"keys": ["a"]} and abs(lines[0].time_unix_s - time.time()) < 60
    older = accounts.audit.find(before=lines[1].id, limit=2)
    assert [line.target for line in older] == ["stream 203", "stream 202"]
