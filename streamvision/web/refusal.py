"""How a request is refused: one JSON sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import NoReturn

from werkzeug.exceptions import HTTPException

from streamvision.core.control import StreamExistsError, UnknownStreamError
from streamvision.core.errors import BusyError, StateError, StreamVisionError
from streamvision.core.labelling import PictureChangedError, UnknownPictureError
from streamvision.core.model_control import ModelChangeError, UnknownModelError
from streamvision.core.recordings import RecordingAbsentError


class Refused(HTTPException):
    """A request that cannot be granted, with the sentence that says why, and headers that go with it."""

    headers: Mapping[str, str] = {}


def refuse(status: HTTPStatus, sentence: str, headers: Mapping[str, str] = {}) -> NoReturn:
    """End the request with a JSON error.

    Raises:
        Refused: always.
    """
    raise _refusal(status, sentence, headers)  # no name here has it, whose frame it has


def _refusal(status: HTTPStatus, sentence: str, headers: Mapping[str, str]) -> Refused:
    refusal = Refused(sentence)
    refusal.code = status
    refusal.headers = headers
    return refusal


@contextmanager
def refusing() -> Iterator[None]:
    """Refuse the request with the sentence of what is raised within."""
    try:
        yield
    except (UnknownStreamError, UnknownModelError, UnknownPictureError, RecordingAbsentError) as error:
        refuse(HTTPStatus.NOT_FOUND, str(error))
    except (StreamExistsError, ModelChangeError, PictureChangedError) as error:
        refuse(HTTPStatus.CONFLICT, str(error))
    except StateError as error:
        refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    except BusyError as error:
        refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "1"})
    except StreamVisionError as error:
        refuse(HTTPStatus.BAD_REQUEST, str(error))
