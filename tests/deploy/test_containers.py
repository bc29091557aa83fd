"""Dockerfiles, files of Compose and manifests of Kubernetes: their linters take them, and they fit each other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamvision.cli.serve import read_document
from streamvision.core.config.app import AppConfig
from streamvision.service.values import parsed_run
from support.dockerfiles import DEPLOY, DOCKERFILES, health_command, instructions, last_stage

KUBERNETES = ("1.30.0", "1.37.0")
"""Oldest and newest API that the manifests are held against."""
COMPOSE_FILES = sorted((DEPLOY / "docker").glob("compose*.yaml"))
MANIFESTS = [one for one in sorted((DEPLOY / "kubernetes").rglob("*.yaml")) if "apiVersion" in one.read_text()]
LOCKED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
USER = "10001"


def installed(name: str) -> str:
    """Return the path of a program beside this Python or on the path; the test is skipped without it."""
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    return program


def parsed(file: Path, secret: str, folder: Path) -> AppConfig:
    """Return a configuration as the service reads it where its secret is there: beside it, in place of /run."""
    (folder / secret).parent.mkdir(parents=True, exist_ok=True)
    (folder / secret).write_text("geh/eim\n")
    copy = folder / file.name
    copy.write_text(file.read_text().replace("/run/secrets/", f"{folder}/"))
    config = parsed_run(read_document(copy, {}), origin=file.name)
    assert "geh%2Feim@" in str(config.streams[0].source)
    return config


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda one: one.name)
class TestDockerfiles:
    def test_hadolint_has_nothing_to_say(self, dockerfile: Path) -> None:
        command = [installed("hadolint"), "--config", DEPLOY / "docker" / "hadolint.yaml", "--no-color", dockerfile]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "")

    def test_base_is_pinned(self, dockerfile: Path) -> None:
        bases = [rest for name, rest in instructions(dockerfile) if name == "ARG" and rest.startswith("BASE=")]
        assert [rest.split()[0] for name, rest in instructions(dockerfile) if name == "FROM"] == ["${BASE}"] * 2
        assert len(bases) == 1 and re.search(r":[\w.-]*\d[\w.-]*", bases[0])
        if not bases[0].startswith("BASE=nvcr.io/"):  # its digests are for those who signed in
            assert re.search(r"@sha256:[0-9a-f]{64}$", bases[0])

    def test_what_is_shipped_runs_as_nobody_and_is_the_same_everywhere(self, dockerfile: Path) -> None:
        names = {"USER", "WORKDIR", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD", "RUN", "COPY"}
        shipped = [one for one in last_stage(dockerfile) if one[0] in names]
        assert shipped == [one for one in last_stage(DOCKERFILES[0]) if one[0] in names]
        assert dict(shipped)["USER"] == f"{USER}:{USER}"
        assert not any(re.search(r"pip|gcc|build-essential", rest) for name, rest in shipped if name == "RUN")

    def test_nothing_is_taken_that_the_ignore_file_keeps_out(self, dockerfile: Path, project_root: Path) -> None:
        lines = (project_root / ".dockerignore").read_text().splitlines()
        assert lines[1] == "*", "nothing goes along unless it is named"
        named = {line[1:] for line in lines if line.startswith("!")}
        taken = {
            source
            for name, rest in instructions(dockerfile)
            if name == "COPY" and not rest.startswith("--from")
            for source in rest.split()[:-1]
        }
        assert taken == named
        assert all((project_root / one).exists() for one in named)


def test_the_health_command_tells_a_server_from_none(project_root: Path) -> None:
    """It is asked with another port here; against a server that runs, in test_proxies.py."""
    assert health_command(DOCKERFILES[0])[0] == "python3"
    done = subprocess.run(
        [sys.executable, *health_command(DOCKERFILES[0], port=9)[1:]], capture_output=True, timeout=60
    )
    assert done.returncode != 0


class TestCompose:
    @pytest.mark.parametrize("file", COMPOSE_FILES, ids=lambda one: one.stem)
    def test_the_specification_takes_it(self, file: Path) -> None:
        compose_spec = pytest.importorskip("compose_spec", reason="compose-spec is not installed")
        # a tag beside a digest, which engines take and ignore, is all that this reader does not know
        text = re.sub(r"(image: [\w/]+):[\w.-]+(@sha256)", r"\1\2", file.read_text())
        # nor are variables that must be given, which Compose puts in before it reads
        text = re.sub(r"\$\{\w+:\?[^}]+\}", "104", text)
        document = compose_spec.PyCompose.from_yaml(text)
        document.validate()
        document.to_spec()
        with pytest.raises(ValueError, match="prots"):
            compose_spec.PyCompose.from_yaml(text.replace("image:", "prots: [1]\n    image:", 1))

    @pytest.mark.parametrize("file", COMPOSE_FILES, ids=lambda one: one.stem)
    def test_what_it_builds_is_there(self, file: Path, project_root: Path) -> None:
        build = yaml.safe_load(file.read_text())["services"]["streamvision"]["build"]
        assert (project_root / build.get("dockerfile", "deploy/docker/Dockerfile")) in DOCKERFILES
        extra = build.get("args", {}).get("EXTRAS", "cpu")
        assert re.search(rf"^{extra} = \[", (project_root / "pyproject.toml").read_text(), re.MULTILINE)
        assert (file.parent / build.get("context", "../..")).resolve() == project_root

    def test_nothing_is_more_than_it_needs(self) -> None:
        document = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())
        for name, service in document["services"].items():
            assert service["read_only"] and service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
            assert service["logging"]["options"]["max-size"], name
        assert document["services"]["streamvision"]["ports"] == ["127.0.0.1:8080:8080"]

    def test_configuration_and_file_agree(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        document = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())
        service = document["services"]["streamvision"]
        monkeypatch.setenv("PUBLIC_HOST", "cams.example.org")
        config = parsed(DEPLOY / "docker" / "config" / "cameras.yaml", service["secrets"][0], tmp_path)
        assert config.serve is not None and config.serve.proxy is not None
        assert config.serve.host_names == ("cams.example.org",)
        network = document["networks"]["front"]["ipam"]["config"][0]
        proxy = document["services"]["caddy"]["networks"]["front"]["ipv4_address"]
        assert config.serve.proxy.trusted == (proxy,), "the gateway speaks for everybody on the machine"
        assert ip_address(proxy) in ip_network(network["subnet"]) and ip_address(proxy) not in ip_network(
            network["ip_range"]
        )
        assert "PUBLIC_HOST" in service["environment"]
        assert f":{config.serve.port}" in document["services"]["caddy"]["environment"]["UPSTREAM"]
        caddy = (DEPLOY / "caddy" / "Caddyfile").read_text()
        assert all(f"{{${name}:" in caddy for name in document["services"]["caddy"]["environment"])


class TestKubernetes:
    @pytest.mark.parametrize("version", KUBERNETES)
    def test_the_schemas_take_all(self, version: str) -> None:
        kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
        documents = [one for file in MANIFESTS for one in yaml.safe_load_all(file.read_text())]
        kinds = [document["kind"] for document in documents]
        assert sorted(kinds) == ["Ingress", "Kustomization", "Kustomization", "NetworkPolicy", "Service", "StatefulSet"]
        for document in documents:
            if document["kind"] != "Kustomization":
                kubernetes_validate.validate(document, version, strict=True)
        document = manifest("statefulset")
        document["spec"]["replicsa"] = 1
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(document, version, strict=True)

    @pytest.mark.parametrize("overlay", ["base", "cuda"])
    def test_kustomize_makes_one_of_it(self, overlay: str) -> None:
        kubectl = installed("kubectl")
        version = [kubectl, "version", "--client", "--output=json"]
        told = subprocess.run(version, capture_output=True, text=True, timeout=60, check=False).stdout
        if '"kustomizeVersion"' not in told:
            pytest.skip("this kubectl is older than 1.24, and its kustomize knows less")
        command = [kubectl, "kustomize", DEPLOY / "kubernetes" / overlay]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        documents = {document["kind"]: document for document in yaml.safe_load_all(done.stdout)}
        container = pod(documents["StatefulSet"])["containers"][0]
        assert container["image"] == f"registry.example.org/streamvision:{'cpu' if overlay == 'base' else overlay}"
        assert ("nvidia.com/gpu" in container["resources"]["limits"]) == (overlay == "cuda")
        assert "cameras.yaml" in documents["ConfigMap"]["data"]

    def test_the_pod_has_no_rights(self) -> None:
        spec = pod(manifest("statefulset"))
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] and str(spec["securityContext"]["runAsUser"]) == USER
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["containers"][0]["securityContext"] == LOCKED

    def test_its_parts_agree(self, tmp_path: Path) -> None:
        config = parsed(DEPLOY / "kubernetes" / "base" / "cameras.yaml", "cameras/gate", tmp_path)
        spec = pod(manifest("statefulset"))
        container, volumes = spec["containers"][0], {one["name"]: one for one in spec["volumes"]}
        mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
        assert config.serve is not None
        assert container["ports"] == [{"name": "http", "containerPort": config.serve.port}]
        assert volumes[mounts["/etc/streamvision"]]["configMap"]["name"] == "streamvision-config"
        assert "/run/secrets/cameras" in mounts
        assert manifest("ingress")["spec"]["rules"][0]["host"] in config.serve.host_names
        state = next(value for name, value in last_stage(DOCKERFILES[0]) if name == "VOLUME")
        assert mounts[state] == manifest("statefulset")["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]
        labels = manifest("statefulset")["spec"]["template"]["metadata"]["labels"]
        for selector in (
            manifest("service")["spec"]["selector"],
            manifest("network-policy")["spec"]["podSelector"]["matchLabels"],
            manifest("statefulset")["spec"]["selector"]["matchLabels"],
        ):
            assert selector == labels


def manifest(name: str) -> dict[str, Any]:
    """Return a manifest of the base."""
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / "base" / f"{name}.yaml").read_text())
    return document


def pod(stateful_set: dict[str, Any]) -> dict[str, Any]:
    """Return what its pods are."""
    spec: dict[str, Any] = stateful_set["spec"]["template"]["spec"]
    return spec
