"""From a request to who made it: by token, by the word of a trusted proxy, or by the cookie of a sign-in."""

from __future__ import annotations

import threading
import time

from flask import request

from streamvision.core.config.serve import ServeConfig
from streamvision.state.accounts import Accounts
from streamvision.state.sessions import digest
from streamvision.state.tokens import Token
from streamvision.state.users import User, rights_of
from streamvision.web.access import EVERYBODY, Principal
from streamvision.web.cookies import session_cookie
from streamvision.web.embedding import is_embedded
from streamvision.web.proxy import PROXY_USER, ProxyUser

VIEWER_SCOPES = frozenset({"view", "metrics"})
ADMIN_SCOPES = frozenset({"view", "metrics", "admin"})
TOKEN_PROTOCOL = "token."
"""Begins the name of the protocol by which a page gives its token to a WebSocket, for which browsers have no header."""
RECHECK_S = 1.0
"""How often it is looked whether there are users by now."""


class Credentials:
    """Says who makes a request, and whether that still holds later.

    Args:
        accounts: the users.
        config: whether they must sign in, and which proxy may say who somebody is.
    """

    def __init__(self, accounts: Accounts, config: ServeConfig) -> None:
        self._accounts = accounts
        self._config = config
        self._lock = threading.Lock()
        self._users_exist = False
        self._checked_at_s = float("-inf")

    def required(self) -> bool:
        """Return whether people must sign in: not where that is not meant, nor on this machine without any user."""
        if self._config.login == "none":
            return False
        by_proxy = self._config.proxy is not None and self._config.proxy.user_header is not None
        return not self._config.is_loopback or by_proxy or self._any_users()

    def identify(self) -> Principal | None:
        """Return who made the present request; ``None`` where it is not known."""
        if not self.required():
            return EVERYBODY
        secret = _protocol_token() or _authorization()
        if secret and (token := self._accounts.tokens.find(digest(secret))):
            return _of_token(token, digest(secret))
        if is_embedded():  # what follows is what a browser adds by itself, whatever page it asks for
            return None
        if named := request.environ.get(PROXY_USER):
            return self._of_proxy(named)
        if "Authorization" in request.headers or _protocol_token() is not None:
            return None
        cookie = request.cookies.get(session_cookie().name)
        return self._of_session(digest(cookie)) if cookie else None

    def holds(self, principal: Principal) -> bool:
        """Return whether somebody who began to watch may go on: still known, and nothing has changed."""
        if principal.credential is None:
            return not self.required()
        kind, mark = principal.credential
        if kind == "proxy":
            now = self._of_proxy(ProxyUser(mark, principal.role))
        elif kind == "token":
            token = self._accounts.tokens.find(mark)
            now = _of_token(token, mark) if token else None
        else:
            now = self._of_session(mark)
        return now == principal

    def _any_users(self) -> bool:
        """Return whether there are users; there is always an admin once there is one."""
        if not self._users_exist:
            with self._lock:
                if time.monotonic() - self._checked_at_s >= RECHECK_S:
                    self._users_exist = self._accounts.users.exist()
                    self._checked_at_s = time.monotonic()
        return self._users_exist

    def _of_session(self, mark: str) -> Principal | None:
        session = self._accounts.sessions.find(mark)
        return _of_user(session.user, ("session", mark)) if session else None

    def _of_proxy(self, named: ProxyUser) -> Principal | None:
        if user := self._accounts.users.find(named.name):
            return _of_user(user, ("proxy", named.name))
        assert self._config.proxy is not None
        role = named.role if named.role in ("admin", "viewer") else self._config.proxy.default_role
        if role == "none":
            return None
        scopes = ADMIN_SCOPES if role == "admin" else VIEWER_SCOPES
        return Principal(named.name[:64], scopes, credential=("proxy", named.name))


def _authorization() -> str | None:
    """Return the token of the header; a browser adds a password that it remembers to what any page asks for."""
    said = request.authorization
    if said is None or said.type not in (("bearer",) if is_embedded() else ("bearer", "basic")):
        return None
    return said.token or said.password


def _protocol_token() -> str | None:
    """Return the token among the protocols that are offered for a WebSocket."""
    offered = (one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(","))
    return next((one[len(TOKEN_PROTOCOL) :] for one in offered if one.startswith(TOKEN_PROTOCOL)), None)


def _of_user(user: User, credential: tuple[str, str]) -> Principal:
    streams = None if user.streams is None else frozenset(user.streams)
    return Principal(user.name, rights_of(user), streams, credential, user.version)


def _of_token(token: Token, mark: str) -> Principal:
    principal = _of_user(token.user, ("token", mark))
    wanted = ADMIN_SCOPES if "admin" in token.scopes else frozenset(token.scopes)
    return Principal(principal.user, principal.scopes & wanted, principal.streams, ("token", mark), principal.version)
