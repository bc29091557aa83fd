"""``streamvision users``: who may use the page, and tokens for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from streamvision.cli.page_options import ask_password
from streamvision.cli.state_options import state_options
from streamvision.cli.system_user import system_user
from streamvision.core.config.serve import ServeConfig
from streamvision.core.logs import say
from streamvision.core.terminal import table
from streamvision.state.accounts import Accounts
from streamvision.state.database import Database
from streamvision.state.folder import existing_folder
from streamvision.state.tokens import DEFAULT_DAYS, SCOPES, Token
from streamvision.state.users import ROLES, UNCHANGED, User, check_name

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
role_option = click.option("--role", type=click.Choice(ROLES), help="What the user may do; admin: everything.")
streams_option = click.option(
    "--streams", metavar="ID,ID", help="The streams that a viewer may see, separated by commas; all: all of them."
)


@click.group()
def users() -> None:
    """Manage who may use the page, and tokens for programs.

    Passwords are asked for on the terminal, or read as one line from standard input, never taken from the command line,
    which others see. What is changed here holds at once, for a service that runs, too.

    \b
    Examples:
      streamvision users add ann
      streamvision users add bob --role viewer --streams gate,yard
      streamvision users token bob --scope metrics --expires-days 90
    """


@users.command()
@state_options
@click.argument("name")
@role_option
@streams_option
@json_option
def add(state: Path, database: str | None, name: str, role: str | None, streams: str | None, as_json: bool) -> int:
    """Add a user: the first one is an admin, further ones are viewers unless told otherwise."""
    check_name(name)
    with _accounts(state, database, begins=True) as accounts:
        user = accounts.users.add(name, ask_password(name), role=role, streams=_ids(streams))
        _note(accounts, "user added", user.name)
        _say_unknown_streams(state, database, user)
        _tell(as_json, _user_json(user), f"{user.name} is {_described(user)}.")
    return 0


@users.command("list")
@state_options
@json_option
def list_users(state: Path, database: str | None, as_json: bool) -> int:
    """List all users."""
    with _accounts(state, database) as accounts:
        found = accounts.users.list()
    rows = [("name", "role", "streams"), *((u.name, u.role, _streams_of(u)) for u in found)]
    _tell(
        as_json, {"users": [_user_json(user) for user in found]}, *(table(rows) if found else ["There are no users."])
    )
    return 0


@users.command()
@state_options
@click.argument("name")
@role_option
@streams_option
@json_option
def change(state: Path, database: str | None, name: str, role: str | None, streams: str | None, as_json: bool) -> int:
    """Change role or streams of a user; pictures that are watched end."""
    with _accounts(state, database) as accounts:
        allowed = UNCHANGED if streams is None else _ids(streams)
        user = accounts.users.change(name, role=role, streams=allowed)
        _note(accounts, "user changed", user.name)
        _say_unknown_streams(state, database, user)
        _tell(as_json, _user_json(user), f"{user.name} is {_described(user)}.")
    return 0


@users.command()
@state_options
@click.argument("name")
@json_option
def remove(state: Path, database: str | None, name: str, as_json: bool) -> int:
    """Remove a user, with tokens; sign-ins and pictures that are watched end."""
    with _accounts(state, database) as accounts:
        accounts.users.remove(name)
        _note(accounts, "user removed", name)
        _tell(as_json, {"removed": name}, f"{name} was removed.")
    return 0


@users.command()
@state_options
@click.argument("name")
@json_option
def passwd(state: Path, database: str | None, name: str, as_json: bool) -> int:
    """Give a user a new password; all of the user's sign-ins end."""
    with _accounts(state, database) as accounts:
        accounts.users.get(name)
        user = accounts.users.change(name, password=ask_password(name))
        _note(accounts, "password changed", user.name)
        _tell(as_json, _user_json(user), f"{user.name} has a new password.")
    return 0


@users.command()
@state_options
@click.argument("name")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, help="What it may be used for.  [view]")
@click.option("--name", "label", default="", metavar="TEXT", help="What it is for.")
@click.option(
    "--expires-days", type=float, default=DEFAULT_DAYS, show_default=True, metavar="N", help="After how long it ends."
)
@click.option("--never-expires", is_flag=True, help="Let it last until it is revoked.")
@json_option
def token(
    state: Path,
    database: str | None,
    name: str,
    scopes: tuple[str, ...],
    label: str,
    expires_days: float,
    never_expires: bool,
    as_json: bool,
) -> int:
    """Make a token, by which a program acts for a user; it is shown this once, on stdout."""
    with _accounts(state, database) as accounts:
        days = None if never_expires else expires_days
        made, secret = accounts.tokens.add(name, name=label, scopes=scopes or ("view",), expires_days=days)
        _note(accounts, "token made", f"{made.user.name}: token {made.id}")
    _tell(as_json, {**_token_json(made), "token": secret}, secret)
    return 0


@users.command()
@state_options
@click.argument("name", required=False)
@json_option
def tokens(state: Path, database: str | None, name: str | None, as_json: bool) -> int:
    """List the tokens of a user, or all."""
    with _accounts(state, database) as accounts:
        if name is not None:
            accounts.users.get(name)
        found = accounts.tokens.list(name)
    rows = [("id", "user", "scopes", "expires", "used", "for")] + [
        (str(one.id), one.user.name, ",".join(one.scopes), _day(one.expires_unix_s), _day(one.used_unix_s), one.name)
        for one in found
    ]
    shown = table(rows) if found else ["There are no tokens."]
    _tell(as_json, {"tokens": [_token_json(one) for one in found]}, *shown)
    return 0


@users.command()
@state_options
@click.argument("number", type=int, metavar="ID")
@json_option
def revoke(state: Path, database: str | None, number: int, as_json: bool) -> int:
    """Let a token be one no more; `tokens` lists their ids."""
    with _accounts(state, database) as accounts:
        accounts.tokens.remove(number)
        _note(accounts, "token revoked", f"token {number}")
    _tell(as_json, {"revoked": number}, f"Token {number} is one no more.")
    return 0


@contextmanager
def _accounts(state: Path, database: str | None, *, begins: bool = False) -> Iterator[Accounts]:
    """Open the accounts; a state folder is made where none is, if the command begins with it.

    Raises:
        StateError: when there is none, or it does not answer.
    """
    folder = state if begins or database else existing_folder(state, begin="users add")
    opened = Database.open(database or folder)
    try:
        yield Accounts.of(opened, ServeConfig())
    finally:
        opened.close()


def _ids(streams: str | None) -> list[str] | None:
    if streams is None or streams == "all":
        return None
    return [part for one in streams.split(",") if (part := one.strip())]


def _say_unknown_streams(state: Path, database: str | None, user: User) -> None:
    """Say which streams a user may see that no service has; they may be added later, so they are no fault."""
    if not user.streams:
        return
    from streamvision.service.memory import known_stream_ids  # takes its time, which other commands do without

    opened = Database.open(database or state)
    try:
        known = known_stream_ids(opened)
    finally:
        opened.close()
    if known is not None and (unknown := [one for one in user.streams if one not in known]):
        say(f"There is no stream {', '.join(unknown)} yet; the streams are: {', '.join(known) or 'none'}.")


def _note(accounts: Accounts, action: str, target: str) -> None:
    accounts.audit.add(who=system_user(), address="command line", action=action, target=target)


def _tell(as_json: bool, document: dict[str, Any], *lines: str) -> None:
    click.echo(json.dumps(document) if as_json else "\n".join(lines))


def _described(user: User) -> str:
    return "an admin" if user.role == "admin" else f"a viewer of {_streams_of(user)}"


def _streams_of(user: User) -> str:
    return "all streams" if user.streams is None else ", ".join(user.streams) or "no stream"


def _day(time_unix_s: float | None) -> str:
    return "never" if time_unix_s is None else time.strftime("%Y-%m-%d", time.localtime(time_unix_s))


def _user_json(user: User) -> dict[str, Any]:
    streams = None if user.streams is None else list(user.streams)
    return {"name": user.name, "role": user.role, "streams": streams, "created_unix_s": user.created_unix_s}


def _token_json(made: Token) -> dict[str, Any]:
    return {
        "id": made.id,
        "user": made.user.name,
        "name": made.name,
        "scopes": list(made.scopes),
        "created_unix_s": made.created_unix_s,
        "expires_unix_s": made.expires_unix_s,
        "used_unix_s": made.used_unix_s,
    }
