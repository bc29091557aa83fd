"""Ray itself: which machines a cluster has, and a process on each of them that runs streams."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from streamvision.cluster.link import NodeGoneError, NodeSilentError
from streamvision.cluster.messages import About, NodeOrder, Orders, Told
from streamvision.cluster.node import StreamNode
from streamvision.cluster.ray_tasks import RayTasks
from streamvision.core.errors import MissingDependencyError, StreamVisionError
from streamvision.core.heap import limit_arenas
from streamvision.core.install import install_command
from streamvision.core.logs import configure, report_crashes
from streamvision.core.redaction import redact_outside, remember_secrets

_log = logging.getLogger(__name__)

LEAST_CORES = 1.0
"""A machine that offers Ray fewer cores runs no streams: `ray start --num-cpus 0` keeps one free of them."""
NAMESPACE = "streamvision"
AUTO = "auto"
CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Member:
    """A machine of a cluster."""

    id: str
    """Ray's id of it, another one after each start of Ray there."""
    name: str
    """What people call it: as `ray start --node-name` says, or its address."""
    cores: float
    """Its cores, as Ray counts them."""
    gpus: float = 0.0
    """Its graphics cards, as Ray counts them."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Its labels, as `ray start --labels` says."""


class NodeProcess(StreamNode):
    """A node that has a process of its own.

    Args:
        order: what it begins with.
    """

    def __init__(self, order: NodeOrder) -> None:
        configure(order.logs)
        report_crashes()
        limit_arenas()
        remember_secrets(order.secrets)
        with suppress(OSError):  # one that is not there; whatever counts from it says so itself
            os.chdir(order.folder)
        super().__init__(order)


class RayNode:
    """A process on a machine of the cluster; see :class:`streamvision.cluster.link.NodeHandle`.

    Args:
        ray: the package.
        actor: the process.
    """

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray = ray
        self._actor = actor

    def about(self, timeout_s: float) -> About:
        """Return what it is."""
        about: About = self._get(self._actor.about.remote(), timeout_s)
        return about

    def exchange(self, orders: Orders, timeout_s: float) -> Told:
        """Give it orders and return its answer."""
        told: Told = self._get(self._actor.exchange.remote(orders), timeout_s)
        return told

    def stop(self, timeout_s: float) -> None:
        """Let it end its streams."""
        self._get(self._actor.stop.remote(timeout_s), timeout_s)

    def end(self) -> None:
        """End its process as far as it can be reached."""
        try:
            self._ray.kill(self._actor)
        except Exception as error:  # Ray's, of whatever kind: its lease ends it, and its streams are to run elsewhere
            _log.info("a process could not be ended: %s", error)

    def _get(self, reference: Any, timeout_s: float) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference, timeout=timeout_s)
        except errors.GetTimeoutError:
            raise NodeSilentError(f"it has not answered for {timeout_s:.1f} s") from None
        except errors.ActorUnavailableError:
            raise NodeSilentError("it cannot be reached") from None
        except errors.RayTaskError as error:
            if isinstance(error.cause, StreamVisionError):
                raise error.cause from None
            raise NodeGoneError(f"it failed: {_last_line(error)}") from None
        except errors.RayActorError as error:
            said = _last_line(error) if error.actor_init_failed else _first_line(error)
            raise NodeGoneError(f"its process is gone: {said}") from None
        except errors.RayError as error:
            raise NodeGoneError(f"its process is gone: {_first_line(error)}") from None


class RayCluster:
    """A Ray cluster that this process takes part in.

    Args:
        address: HOST:PORT, or auto.

    Raises:
        MissingDependencyError: when Ray is not installed.
        StreamVisionError: when there is no such cluster, or this machine is not part of it.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
        except ImportError:
            raise MissingDependencyError(
                f"a cluster needs Ray, which is not installed; run {install_command('cluster')} on each machine of it"
            ) from None
        _knock(address)
        self._ray: Any = ray
        self._affinity: Any = NodeAffinitySchedulingStrategy
        try:
            with _without_command_line(ray):
                ray.init(
                    address=address,
                    namespace=NAMESPACE,
                    log_to_driver=False,
                    configure_logging=False,
                    logging_level=logging.WARNING,
                )
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            raise StreamVisionError(_absent(address, error)) from None

    def members(self) -> list[Member]:
        """Return the machines that are there and offer cores."""
        found = [_member(node) for node in self._ray.nodes() if node["Alive"]]
        return [member for member in found if member.cores >= LEAST_CORES]

    def begin(self, member: Member, order: NodeOrder, *, gpu: bool) -> RayNode:
        """Begin a process that runs streams on a machine; whether it has begun, its first answer says.

        Args:
            member: the machine.
            order: what it begins with.
            gpu: whether it is to have a graphics card of the machine.
        """
        actor = self._ray.remote(NodeProcess).options(
            num_cpus=1,
            num_gpus=1 if gpu and member.gpus >= 1 else 0,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=self._affinity(member.id, soft=False),
        )
        return RayNode(self._ray, actor.remote(order))

    def tasks(self, *, cores: float, gpus: float) -> RayTasks:
        """Return what runs commands on its machines.

        Args:
            cores: cores that each takes.
            gpus: graphics cards, or a part of one, that each takes.
        """
        return RayTasks(self._ray, cores=cores, gpus=gpus)

    def close(self) -> None:
        """Take part in it no more."""
        self._ray.shutdown()


@contextmanager
def _without_command_line(ray: Any) -> Iterator[None]:
    """Let Ray write down no command line: it would keep that of this process, passwords of cameras included, in a table
    that its dashboard shows to everybody, and it has no setting for that.
    """
    utils = ray._private.utils
    own = utils.get_entrypoint_name
    utils.get_entrypoint_name = lambda: NAMESPACE
    try:
        yield
    finally:
        utils.get_entrypoint_name = own


def _knock(address: str) -> None:
    """Find out whether somebody listens there, since Ray tries for minutes.

    Raises:
        StreamVisionError: when nobody does.
    """
    if address == AUTO:
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise StreamVisionError(_absent(address, error)) from None


def _absent(address: str, error: BaseException) -> str:
    return (
        f"there is no Ray cluster at {address}, or this machine is not part of it ({_first_line(error)}); run "
        "ray start --head on one machine, and on each other ray start --address HOST:6379"
    )


def _member(node: Mapping[str, Any]) -> Member:
    resources = node["Resources"]
    return Member(
        id=node["NodeID"],
        name=node.get("NodeName") or node["NodeManagerAddress"],
        cores=float(resources.get("CPU", 0.0)),
        gpus=float(resources.get("GPU", 0.0)),
        labels=dict(node.get("Labels") or {}),
    )


def _last_line(error: BaseException) -> str:
    """Return what an error says that brings a traceback along."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return redact_outside(lines[-1]) if lines else type(error).__name__


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
