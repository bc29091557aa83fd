"""Who may reach the page, on the command line: its options, the first admin, and what is said about it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamvision.cli.options import field_option
from streamvision.cli.sections import together
from streamvision.core.config.serve import ServeConfig
from streamvision.core.logs import say

if TYPE_CHECKING:
    from streamvision.service.page_access import PageAccess
    from streamvision.web.server import WebServer

page_options = together(
    click.option(
        "--no-login",
        "login",
        flag_value="none",
        default=None,
        help="Let whoever reaches the page see and change everything, beyond this machine, too.",
    ),
    field_option("--tls", ServeConfig, "tls"),
    field_option("--tls-cert", ServeConfig, "tls_cert", metavar="F.pem"),
    field_option("--tls-key", ServeConfig, "tls_key", metavar="F.pem"),
    field_option(
        "--embed-origin",
        ServeConfig,
        "embed_origins",
        multiple=True,
        metavar="ORIGIN",
        help="Let pages of this site show live streams, such as https://shop.example; '*': those of every site, with a "
        "token. May be given several times.",
    ),
)
"""Options that say who may reach the page, and how."""


def ask_first_admin() -> tuple[str, str] | None:
    """Ask for name and password of the first admin; ``None`` where nobody sits at a terminal, or does not want one."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    click.echo("The page can be reached from other machines, and there are no users yet.", err=True)
    if not click.confirm("Make an admin now?", default=True, err=True):
        return None
    name = click.prompt("Name", default="admin", value_proc=_user_name, err=True)
    return name, ask_password(name)


def _user_name(text: str) -> str:
    from streamvision.core.errors import ConfigError
    from streamvision.state.users import check_name

    try:
        check_name(text)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None  # click says it and asks again
    return text


def ask_password(name: str) -> str:
    """Ask for a password, twice, until it is one that is taken; from a pipe, its first line is the password.

    Raises:
        ConfigError: when a password from a pipe is not taken.
    """
    from streamvision.core.errors import ConfigError
    from streamvision.state.passwords import MAX_CHARACTERS, check_password

    if not sys.stdin.isatty():
        return check_password(sys.stdin.readline(4 * MAX_CHARACTERS).rstrip("\r\n"), user=name)
    while True:
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        try:
            return check_password(password, user=name)
        except ConfigError as error:
            click.echo(str(error), err=True)


def announce(server: WebServer, config: ServeConfig, access: PageAccess, state: Path) -> None:
    """Say where the page is, who may reach it, and what is to be done."""
    say(f"Watch at {server.url}")
    if access.certificate is not None and config.tls == "self-signed":
        say(f"Its certificate is its own, with the SHA-256 fingerprint {access.certificate.fingerprint}")
    if access.setup is not None:
        say(
            f"There are no users yet in {state}. Make the admin within an hour, by this link, which works once; from "
            "another machine, put the address of this one in it:"
        )
        click.echo(f"{server.url}setup/{access.setup.secret}", err=True)  # lines of the log would have it masked
    if not config.is_loopback:
        _warn(config, access)


def _warn(config: ServeConfig, access: PageAccess) -> None:
    if access.login is None or config.login == "none":
        say("Nobody signs in: whoever reaches the page may see and change everything.", level=logging.WARNING)
    elif access.certificate is None and config.proxy is None:
        say(
            "Passwords and pictures travel unencrypted: give --tls self-signed or a certificate, or put a proxy with "
            "HTTPS in front.",
            level=logging.WARNING,
        )
