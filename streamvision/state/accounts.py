"""Everything about those who use the page, in one database."""

from __future__ import annotations

from dataclasses import dataclass

from streamvision.core.config.serve import ServeConfig
from streamvision.state.audit import Audit
from streamvision.state.database import Database
from streamvision.state.sessions import Sessions
from streamvision.state.tokens import Tokens
from streamvision.state.users import Users

HOUR_S = 3600.0


@dataclass(frozen=True)
class Accounts:
    """Users, their sign-ins and tokens, and what they did."""

    users: Users
    sessions: Sessions
    tokens: Tokens
    audit: Audit

    @classmethod
    def of(cls, database: Database, config: ServeConfig) -> Accounts:
        """Return those of a database."""
        return cls(
            Users(database),
            Sessions(database, idle_s=config.session_idle_h * HOUR_S, longest_s=config.session_h * HOUR_S),
            Tokens(database),
            Audit(database),
        )
