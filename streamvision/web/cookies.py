"""The cookies of the page: for it alone, hidden from scripts, and over HTTPS only where it is served so."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request


@dataclass(frozen=True)
class Cookie:
    """A cookie of the page, as the present request's browser knows it."""

    name: str
    """Other pages of the same machine, on other ports or paths, have others."""
    path: str
    """Where it is sent to."""
    secure: bool
    """Whether it is sent over HTTPS alone."""

    def put(self, response: Response, value: str, *, max_age_s: float) -> None:
        """Set it."""
        response.set_cookie(
            self.name,
            value,
            max_age=int(max_age_s),
            path=self.path,
            secure=self.secure,
            httponly=True,
            samesite="Lax",
        )

    def clear(self, response: Response) -> None:
        """Remove it."""
        response.delete_cookie(self.name, path=self.path, secure=self.secure, httponly=True, samesite="Lax")


def session_cookie() -> Cookie:
    """Return the one that holds a sign-in."""
    return _cookie("session")


def form_cookie() -> Cookie:
    """Return the one that a form is compared with."""
    return _cookie("form")


def _cookie(purpose: str) -> Cookie:
    port = request.host.rpartition(":")[2] if ":" in request.host else ""
    name = f"streamvision-{purpose}{f'-{port}' if port.isdigit() else ''}"
    path = f"{request.script_root}/"
    if request.is_secure:
        name = f"{'__Host-' if path == '/' else '__Secure-'}{name}"
    return Cookie(name, path, request.is_secure)
