"""Who may reach the page, settled before anything listens: users, HTTPS, and what is refused without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamvision.core.config.serve import ServeConfig
from streamvision.core.errors import ConfigError, StateError
from streamvision.state.folder import DATABASE_FILE, prepare_folder
from streamvision.web.certificate import Certificate, CertificateFiles
from streamvision.web.self_signed import self_signed
from streamvision.web.setup_code import SetupCode

if TYPE_CHECKING:
    from streamvision.state.database import Database
    from streamvision.web.login import Login

UNSPECIFIED = ("", "0.0.0.0", "::")
"""Hosts that are no address of their own."""

FirstAdmin = Callable[[], tuple[str, str] | None]
"""Asks for name and password of the first admin; ``None`` where nobody can be asked."""


@dataclass(frozen=True)
class PageAccess:
    """What the page's server is given."""

    login: Login | None = None
    """How people sign in; ``None``: nobody does."""
    certificate: Certificate | None = None
    """What HTTPS is begun with; ``None``: HTTP."""
    setup: SetupCode | None = None
    """The link by which the first admin is made, where there is none and nobody could be asked."""


@contextmanager
def page_access(
    config: ServeConfig | None,
    state: Path,
    database: Database | str | None,
    *,
    ask_first_admin: FirstAdmin,
    by_link: bool,
) -> Iterator[PageAccess]:
    """Settle who may reach the page, for the length of the block.

    Args:
        config: where the page is to be; ``None``: nowhere.
        state: the folder of all that is remembered.
        database: where the users are: open, or an address; ``None``: in the folder, if they are anywhere.
        ask_first_admin: called where users are needed and there are none.
        by_link: whether the first admin may be made by a link; the page lets nobody in until then.

    Raises:
        ConfigError: when the page would be open to others without any user, or a certificate cannot be used.
        StateError: when the database cannot be opened.
    """
    if config is None:
        yield PageAccess()
        return
    with ExitStack() as stack:
        opened = _existing(config, state, database)
        setup = None
        if _needs_users(config) and not (opened and _any_users(opened)):
            if first := ask_first_admin():
                opened = opened or _open(database, state)
                _add_admin(opened, *first)
            elif by_link and opened:
                setup = SetupCode()
            else:
                raise ConfigError(_refusal(config, state))
        if opened is not None and opened is not database:
            stack.callback(opened.close)
        yield PageAccess(_login(opened, config, setup) if opened else None, _certificate(config, state), setup)


def _existing(config: ServeConfig, state: Path, database: Database | str | None) -> Database | None:
    """Return the users' database, where there is one or one is needed; else nothing is made, and nothing imported."""
    if config.login == "none" and not _is_open(database):
        return None
    by_proxy = config.proxy is not None and config.proxy.user_header is not None
    try:
        is_there = (state / DATABASE_FILE).is_file()
    except OSError as error:
        raise StateError(f"the state folder {state} cannot be read: {error.strerror}; give --state DIR") from error
    return _open(database, state) if database or is_there or by_proxy else None


def _is_open(database: Database | str | None) -> bool:
    return database is not None and not isinstance(database, str)


def _open(database: Database | str | None, state: Path) -> Database:
    from streamvision.state.database import Database

    return database if isinstance(database, Database) else Database.open(database or state)


def _any_users(database: Database) -> bool:
    from streamvision.state.users import Users

    return Users(database).exist()


def _add_admin(database: Database, name: str, password: str) -> None:
    from streamvision.state.users import Users

    Users(database).add(name, password, role="admin", only_first=True)


def _login(database: Database, config: ServeConfig, setup: SetupCode | None) -> Login:
    from streamvision.state.accounts import Accounts
    from streamvision.web.login import Login

    return Login(Accounts.of(database, config), config, setup)


def _needs_users(config: ServeConfig) -> bool:
    by_proxy = config.proxy is not None and config.proxy.user_header is not None
    return config.login != "none" and not config.is_loopback and not by_proxy


def _refusal(config: ServeConfig, state: Path) -> str:
    return (
        f"the page at {config.host or 'all addresses'} could be reached from other machines, and there are no users in "
        f"{state}: make one with `streamvision users add NAME`, listen on 127.0.0.1 alone, or say with --no-login that "
        "whoever reaches it may see and change everything"
    )


def _certificate(config: ServeConfig, state: Path) -> Certificate | None:
    if config.tls_cert is not None and config.tls_key is not None:
        files = CertificateFiles(config.tls_cert, config.tls_key)
        return Certificate(lambda: files)
    if config.tls == "off":
        return None
    names = [name.strip("[]") for name in (config.host, *config.host_names) if name not in UNSPECIFIED]
    return Certificate(lambda: self_signed(prepare_folder(state), names))
