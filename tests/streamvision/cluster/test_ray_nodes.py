"""What Ray says of a process becomes one sentence that tells why."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from streamvision.cluster.link import NodeGoneError
from streamvision.cluster.ray_nodes import RayNode
from streamvision.core.errors import ModelError

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'streamvision-edge[cluster]'")

TRACEBACK = """ray::NodeProcess.__init__() (pid=12, ip=10.0.0.5)
  File "node.py", line 7, in __init__
    raise OSError("rtsp://admin:pass-word@cam is away")
OSError: rtsp://admin:pass-word@cam is away"""


def said_of(error: Exception) -> str:
    def get(reference: object, timeout: float) -> object:
        raise error

    node = RayNode(
        SimpleNamespace(get=get, exceptions=ray.exceptions),
        SimpleNamespace(about=SimpleNamespace(remote=lambda: None)),
    )
    with pytest.raises((NodeGoneError, ModelError)) as caught:
        node.about(1.0)
    return str(caught.value)


def test_a_process_that_fails_says_why_in_one_sentence_without_secrets() -> None:
    failed = ray.exceptions.RayTaskError("exchange", TRACEBACK, OSError("away"), "ray::x", 12, "10.0.0.5")
    assert said_of(failed) == "it failed: OSError: rtsp://***@cam is away"
    begun = said_of(ray.exceptions.ActorDiedError(failed))
    assert begun == "its process is gone: OSError: rtsp://***@cam is away"
    refused = ray.exceptions.RayTaskError("about", TRACEBACK, ModelError("no such file"), "ray::x", 12, "10.0.0.5")
    assert said_of(refused.as_instanceof_cause()) == "no such file"


def test_a_process_that_ray_cannot_end_is_left_to_its_lease() -> None:
    def kill(actor: object) -> None:
        raise ray.exceptions.RaySystemError("the cluster does not answer")

    RayNode(SimpleNamespace(kill=kill), SimpleNamespace()).end()
