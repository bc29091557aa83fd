"""Users, tokens and what was done, over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal, TypeVar

from flask import Flask, Response, jsonify, request
from pydantic import Field, ValidationError
from werkzeug.exceptions import BadRequest

from streamvision.core.config.wording import fault_in_words
from streamvision.core.errors import ConfigError, StateError
from streamvision.core.redaction import short
from streamvision.state.accounts import Accounts
from streamvision.state.tokens import DEFAULT_DAYS, Token, UnknownTokenError
from streamvision.state.users import UNCHANGED, LastAdminError, UnknownUserError, User, UserExistsError
from streamvision.web.access import Principal, access, present, principal
from streamvision.web.audited import noted_details
from streamvision.web.login import Login
from streamvision.web.openapi import Schema, describe
from streamvision.web.other_sites import SAFE_METHODS
from streamvision.web.refusal import refuse

_log = logging.getLogger(__name__)
S = TypeVar("S", bound=Schema)
STATUSES = {
    UnknownUserError: HTTPStatus.NOT_FOUND,
    UnknownTokenError: HTTPStatus.NOT_FOUND,
    UserExistsError: HTTPStatus.CONFLICT,
    LastAdminError: HTTPStatus.CONFLICT,
    ConfigError: HTTPStatus.BAD_REQUEST,
    StateError: HTTPStatus.SERVICE_UNAVAILABLE,
}
MAX_ID = 2**63 - 1
MAX_KEYS = 32
"""Most keys of a change that are written down."""


class UserShown(Schema):
    """A user."""

    name: str
    """Name of the user."""
    role: Literal["admin", "viewer"]
    """What the user may do."""
    streams: list[str] | None
    """Ids of the streams that may be seen; null: all."""
    created_unix_s: float
    """When the user was added."""


class UserList(Schema):
    """All users."""

    users: list[UserShown]
    """Each, by name."""


class NewUser(Schema):
    """A user to add."""

    name: str
    """Letters, digits and _.@+-, up to 64."""
    password: str
    """8 characters or more."""
    role: Literal["admin", "viewer"] | None = None
    """Default: viewer; the first user is an admin."""
    streams: list[str] | None = None
    """Ids of the streams that a viewer may see; null: all."""


class ChangedUser(Schema):
    """What is to change about a user."""

    password: str | None = None
    """The new password; it ends all of the user's sign-ins."""
    role: Literal["admin", "viewer"] | None = None
    """The new role."""
    streams: list[str] | None = None
    """Ids of the streams that a viewer may see; null: all."""


class ChangedPassword(Schema):
    """One's own new password."""

    current: str
    """The one until now."""
    password: str
    """The new one."""


class TokenShown(Schema):
    """A token, without its secret."""

    id: int
    """Its number."""
    user: str
    """For whom it acts."""
    name: str
    """What it is for."""
    scopes: list[Literal["view", "metrics", "admin"]]
    """What it may be used for."""
    created_unix_s: float
    """When it was made."""
    expires_unix_s: float | None
    """When it ends; null: never."""
    used_unix_s: float | None
    """When it was last used, to the minute; null: not yet."""


class TokenList(Schema):
    """Tokens of a user."""

    tokens: list[TokenShown]
    """Each, the oldest first."""


class NewToken(Schema):
    """A token to make."""

    name: str = ""
    """What it is for."""
    scopes: list[Literal["view", "metrics", "admin"]] = Field(default=["view"], min_length=1)
    """What it may be used for."""
    expires_days: float | None = DEFAULT_DAYS
    """After how many days it ends; null: never."""


class MadeToken(TokenShown):
    """A token that was made."""

    token: str
    """The secret; it is shown this once."""


class AuditQuery(Schema):
    """Which lines are asked for."""

    before: int | None = Field(default=None, ge=0, le=MAX_ID)
    """Only those before the line with this number."""
    limit: int = Field(default=50, ge=1, le=1000)
    """Most of them."""


class AuditShown(Schema):
    """Something that was done."""

    id: int
    """Its number; later ones are greater."""
    time_unix_s: float
    """When."""
    who: str
    """Who did it."""
    address: str
    """Where from."""
    action: str
    """What was done."""
    target: str
    """What it was done to."""
    details: dict[str, Any]
    """What else is to be said."""


class AuditList(Schema):
    """What was done, the newest first."""

    audit: list[AuditShown]
    """The lines."""
    next: int | None
    """What to give as ``before`` for the following ones; null: there are none."""


def add_accounts(app: Flask, login: Login) -> None:
    """Add the addresses of users, tokens and the audit, and write down each change that is made over HTTP."""
    accounts = login.accounts
    for kind, status in STATUSES.items():
        app.register_error_handler(kind, _refusing(status))
    _add_users(app, accounts)
    _add_tokens(app, accounts)
    _add_own(app, login)

    @app.get("/api/audit")
    @access("admin")
    @describe(answer=AuditList, query=AuditQuery)
    def audit() -> Response:
        """Give what was done, the newest first."""
        asked = _parsed(AuditQuery, request.args.to_dict())
        lines = accounts.audit.find(before=asked.before, limit=asked.limit)
        following = lines[-1].id if len(lines) == asked.limit else None
        return jsonify({"audit": [vars(line) for line in lines], "next": following})

    @app.after_request
    def note_change(response: Response) -> Response:
        is_change = request.method not in SAFE_METHODS and response.status_code < HTTPStatus.BAD_REQUEST
        if is_change and request.endpoint and request.path not in ("/login", "/logout", "/setup"):
            _note(accounts, principal(), _made(response))
        return response


def _made(response: Response) -> str:
    """Return the id or name of what the present request has made; empty where it has made nothing."""
    if response.status_code != HTTPStatus.CREATED:
        return ""
    made = response.get_json()
    return f"/{made.get('id') or made.get('name')}"


def _note(accounts: Accounts, who: Principal | None, made: str) -> None:
    body = request.get_json(silent=True) if request.is_json else None
    keys = sorted(short(key) for key in list(body)[:MAX_KEYS]) if isinstance(body, dict) else []
    named = "anybody" if who is None or who.user is None else who.user
    by = f" by {who.credential[0]}" if who and who.credential and who.credential[0] != "session" else ""
    try:
        accounts.audit.add(
            who=f"{named}{by}",
            address=request.remote_addr or "",
            action=f"{request.method} {request.endpoint}",
            target=f"{request.path}{made}",
            details={**({"keys": keys} if keys else {}), **noted_details()},
        )
    except StateError as error:  # the change is made, and the client must not think otherwise
        _log.error("a change by %s at %s could not be written down: %s", named, request.path, error)


def _add_users(app: Flask, accounts: Accounts) -> None:
    @app.get("/api/users")
    @access("admin")
    @describe(answer=UserList)
    def users() -> Response:
        """Give all users."""
        return jsonify({"users": [_user_json(user) for user in accounts.users.list()]})

    @app.post("/api/users")
    @access("admin")
    @describe(body=NewUser, answer=UserShown, status=HTTPStatus.CREATED)
    def add_user() -> tuple[Response, int]:
        """Add a user."""
        new = _parsed(NewUser, _body())
        user = accounts.users.add(new.name, new.password, role=new.role, streams=new.streams)
        return jsonify(_user_json(user)), HTTPStatus.CREATED

    @app.patch("/api/users/<name>")
    @access("admin")
    @describe(body=ChangedUser, answer=UserShown)
    def change_user(name: str) -> Response:
        """Change role, streams or password of a user."""
        body = _body()
        changed = _parsed(ChangedUser, body)
        streams = changed.streams if "streams" in body else UNCHANGED
        user = accounts.users.change(name, password=changed.password, role=changed.role, streams=streams)
        return jsonify(_user_json(user))

    @app.delete("/api/users/<name>")
    @access("admin")
    @describe(status=HTTPStatus.NO_CONTENT, media_type=None)
    def remove_user(name: str) -> tuple[str, int]:
        """Remove a user, with tokens and sign-ins; pictures that are watched end."""
        accounts.users.remove(name)
        return "", HTTPStatus.NO_CONTENT


def _add_tokens(app: Flask, accounts: Accounts) -> None:
    @app.get("/api/users/<name>/tokens")
    @access("admin")
    @describe(answer=TokenList)
    def tokens(name: str) -> Response:
        """Give the tokens of a user, without their secrets."""
        accounts.users.get(name)
        return jsonify({"tokens": [_token_json(token) for token in accounts.tokens.list(name)]})

    @app.post("/api/users/<name>/tokens")
    @access("admin")
    @describe(body=NewToken, answer=MadeToken, status=HTTPStatus.CREATED)
    def add_token(name: str) -> tuple[Response, int]:
        """Make a token; its secret is shown this once."""
        new = _parsed(NewToken, _body())
        token, secret = accounts.tokens.add(name, name=new.name, scopes=new.scopes, expires_days=new.expires_days)
        return jsonify({**_token_json(token), "token": secret}), HTTPStatus.CREATED

    @app.delete("/api/tokens/<int:number>")
    @access("admin")
    @describe(status=HTTPStatus.NO_CONTENT, media_type=None)
    def remove_token(number: int) -> tuple[str, int]:
        """Let a token be one no more."""
        accounts.tokens.remove(number)
        return "", HTTPStatus.NO_CONTENT


def _add_own(app: Flask, login: Login) -> None:
    @app.post("/api/me/password")
    @access("view")
    @describe(body=ChangedPassword, status=HTTPStatus.NO_CONTENT, media_type=None)
    def change_own_password() -> Response:
        """Change one's own password; all other sign-ins end."""
        who = present()
        if who.user is None or who.credential is None or who.credential[0] != "session":
            refuse(HTTPStatus.FORBIDDEN, "only who has signed in with a password can change it here")
        changed = _parsed(ChangedPassword, _body())
        if login.attempts.wait_s(request.remote_addr or "", who.user):
            refuse(HTTPStatus.TOO_MANY_REQUESTS, "too many attempts; try again in a minute")
        if login.sign_in(who.user, changed.current) is None:
            refuse(HTTPStatus.FORBIDDEN, "the current password is another one")
        user = login.accounts.users.change(who.user, password=changed.password)
        return login.begin(user, Response(status=HTTPStatus.NO_CONTENT))


def _refusing(status: HTTPStatus) -> Callable[[Exception], tuple[Response, int]]:
    def answer(error: Exception) -> tuple[Response, int]:
        return jsonify({"error": str(error)}), status

    return answer


def _body() -> dict[str, Any]:
    """Return the body of the present request.

    Raises:
        Refused: when it is no JSON object.
    """
    try:
        body = request.get_json()
    except (BadRequest, RecursionError):
        body = None
    if not isinstance(body, dict):
        refuse(HTTPStatus.BAD_REQUEST, "the body is no JSON object; see /api/openapi.json")
    return body


def _parsed(kind: type[S], values: dict[str, Any]) -> S:
    """Return what was given.

    Raises:
        Refused: naming the key, but not its value, which may be a password.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        refuse(
            HTTPStatus.BAD_REQUEST, f"{short(where)!r} is not accepted: {fault_in_words(first)}; see /api/openapi.json"
        )


def _user_json(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "streams": user.streams,
        "created_unix_s": user.created_unix_s,
    }


def _token_json(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "user": token.user.name,
        "name": token.name,
        "scopes": token.scopes,
        "created_unix_s": token.created_unix_s,
        "expires_unix_s": token.expires_unix_s,
        "used_unix_s": token.used_unix_s,
    }
