"""Signing in and out, and the first admin's own link."""

from __future__ import annotations

import hmac
import logging
import math
import re
import secrets
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, make_response, redirect, render_template, request

from streamvision.core.config.serve import ServeConfig
from streamvision.core.errors import ConfigError
from streamvision.state.accounts import HOUR_S, Accounts
from streamvision.state.sessions import digest
from streamvision.state.users import User, UserExistsError
from streamvision.web.access import access, root
from streamvision.web.attempts import Attempts
from streamvision.web.cookies import form_cookie, session_cookie
from streamvision.web.credentials import Credentials
from streamvision.web.openapi import FORM, Schema, describe
from streamvision.web.other_sites import takes_form
from streamvision.web.setup_code import SetupCode

_log = logging.getLogger(__name__)

FORM_S = 12 * HOUR_S
"""How long a form may stay open."""
MAX_NEXT = 512


class SignIn(Schema):
    """Name and password."""

    user: str = ""
    """Name of the user."""
    password: str = ""
    """The password."""
    csrf: str = ""
    """What the form holds, and the cookie that came with it."""
    next: str = "/"
    """Where to go then, from the application's root."""


class Next(Schema):
    """Where to go."""

    next: str = "/"
    """A path from the application's root."""


@dataclass
class Login:
    """All that signing in needs.

    Args:
        accounts: the users.
        config: how long sign-ins last, and whether people must sign in.
        setup: the link of the first admin, if there is one.
    """

    accounts: Accounts
    config: ServeConfig
    setup: SetupCode | None = None
    credentials: Credentials = field(init=False)
    attempts: Attempts = field(default_factory=Attempts)

    def __post_init__(self) -> None:
        self.credentials = Credentials(self.accounts, self.config)

    def sign_in(self, name: str, password: str) -> User | None:
        """Return the user whose name and password these are, and write down that it was tried."""
        address = request.remote_addr or ""
        self.attempts.failed(address, name)
        user = self.accounts.users.verify(name, password)
        if user is None:
            known = self.accounts.users.find(name[:64])  # a name that is none may be a password in the wrong field
            who = known.name if known else "unknown name"
            self.note(who, "sign-in failed")
            _log.warning("a sign-in of %s from %s failed", who if known else "an unknown name", address)
            return None
        self.attempts.succeeded(address, name)
        self.note(user.name, "signed in")
        return user

    def begin(self, user: User, response: Response) -> Response:
        """Sign a user in: with a new secret, whatever the browser had before."""
        self.end_present()
        session_cookie().put(response, self.accounts.sessions.begin(user), max_age_s=self.config.session_h * HOUR_S)
        return response

    def end_present(self) -> None:
        """Sign out whoever makes the present request."""
        if cookie := request.cookies.get(session_cookie().name):
            self.accounts.sessions.end(digest(cookie))

    def note(self, who: str, action: str, **details: Any) -> None:
        """Write down what was done."""
        self.accounts.audit.add(who=who, address=request.remote_addr or "", action=action, details=details)


def add_login(app: Flask, login: Login) -> None:
    """Add the pages of signing in and out."""

    @app.get("/login")
    @access("public")
    @describe(query=Next, media_type="text/html")
    def login_page() -> Response:
        """Show where one signs in."""
        return _form("login.html", next=_within(request.args.get("next", "/")), has_users=login.accounts.users.exist())

    @app.post("/login")
    @access("public")
    @takes_form
    @describe(body=SignIn, body_type=FORM, status=HTTPStatus.SEE_OTHER, media_type=None)
    def sign_in() -> Response:
        """Sign in by name and password."""
        name, target = request.form.get("user", ""), _within(request.form.get("next", "/"))
        again = partial(_form, "login.html", next=target, user=name, has_users=login.accounts.users.exist())
        if not _is_own_form():
            return again("The form was open for too long, or your browser takes no cookies. Please try again.")
        if wait_s := math.ceil(login.attempts.wait_s(request.remote_addr or "", name)):
            response = again(f"Too many attempts. Please wait {wait_s} seconds.", status=HTTPStatus.TOO_MANY_REQUESTS)
            response.headers["Retry-After"] = str(wait_s)
            return response
        user = login.sign_in(name, request.form.get("password", ""))
        if user is None:
            return again("This name and password do not fit together.", status=HTTPStatus.UNAUTHORIZED)
        return login.begin(user, _redirect(target))

    @app.post("/logout")
    @access("public")
    @takes_form
    @describe(status=HTTPStatus.SEE_OTHER, media_type=None)
    def sign_out() -> Response:
        """Sign out; pictures that are watched end, too."""
        login.end_present()
        response = _redirect("/login")
        session_cookie().clear(response)
        return response

    if login.setup is not None:
        _add_setup(app, login, login.setup)


def _add_setup(app: Flask, login: Login, setup: SetupCode) -> None:
    def is_over(code: str) -> bool:
        return not setup.fits(code) or login.accounts.users.exist()

    @app.get("/setup/<code>")
    @access("public")
    def setup_page(code: str) -> Response:
        """Show where the first admin chooses a password."""
        return _over() if is_over(code) else _form("setup.html", code=code, user="admin")

    @app.post("/setup")
    @access("public")
    @takes_form
    def make_admin() -> Response:
        """Make the first admin."""
        code, name = request.form.get("code", ""), request.form.get("user", "")
        password = request.form.get("password", "")
        if is_over(code):
            return _over()
        if not _is_own_form():
            return _form("setup.html", "Please try again; your browser must take cookies.", code=code, user=name)
        if password != request.form.get("again", ""):
            return _form("setup.html", "The two passwords differ.", code=code, user=name)
        if not setup.use(code):
            return _over()
        try:
            user = login.accounts.users.add(name, password, role="admin", only_first=True)
        except UserExistsError:
            return _over()
        except ConfigError as error:
            setup.give_back()
            return _form("setup.html", f"{error}.", code=code, user=name)
        except BaseException:
            setup.give_back()
            raise
        login.note(user.name, "first admin made by link")
        return login.begin(user, _redirect("/"))


def _form(template: str, fault: str = "", *, status: int = HTTPStatus.OK, **values: Any) -> Response:
    """Return a page with a form, and set the cookie that the form is compared with."""
    cookie = form_cookie()
    csrf = request.cookies.get(cookie.name, "")
    if len(csrf) != 43:
        csrf = secrets.token_urlsafe(32)
    status = HTTPStatus.BAD_REQUEST if fault and status == HTTPStatus.OK else status
    response = make_response(render_template(template, csrf=csrf, fault=fault, **values), status)
    cookie.put(response, csrf, max_age_s=FORM_S)
    return response


def _is_own_form() -> bool:
    """Return whether a form is one of ours that this browser was given: nobody signs a stranger in as somebody else."""
    given, known = request.form.get("csrf", ""), request.cookies.get(form_cookie().name, "")
    return bool(known) and hmac.compare_digest(given.encode("utf-8", "replace"), known.encode("utf-8", "replace"))


def _over() -> Response:
    return make_response(
        render_template("setup.html", fault="This link is not valid any more. Sign in, or start StreamVision again for "
                        "a new one.", over=True),
        HTTPStatus.FORBIDDEN,
    )  # fmt: skip


def _within(target: str) -> str:
    """Return a path within the application, whatever was asked for."""
    is_path = target.startswith("/") and not target.startswith("//") and target.isprintable() and "\\" not in target
    parts = set(unquote(re.split(r"[?#]", target)[0]).split("/"))
    is_path = is_path and parts.isdisjoint({".", ".."})
    return target if is_path and len(target) <= MAX_NEXT else "/"


def _redirect(target: str) -> Response:
    response = make_response(redirect(f"{root()}{target[1:]}", HTTPStatus.SEE_OTHER))
    assert isinstance(response, Response)
    return response
