"""A process that is killed at each of its steps leaves what can be gone on with, and nothing that is half there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from streamvision.artifacts.cache import open_cache
from streamvision.artifacts.pulling import pull_manifest, pull_model
from support.artifact_stores import Publisher, only, random_model

PULLS = """
import os, shutil, signal, sys
from pathlib import Path
from streamvision.artifacts.cache import open_cache
from streamvision.artifacts.pulling import Source, pull_manifest, pull_model
from streamvision.artifacts.signing import PublicKeys
from streamvision.artifacts.store import open_store

last, folder, store, key = int(sys.argv[1]), *sys.argv[2:]
source = Source(open_store(store), "stable", PublicKeys([key]))

def pull(folder):
    with open_cache(Path(folder)) as cache:
        previous = cache.accepted("stable", source.keys)
        manifest = pull_manifest(source, cache).manifest
        kept = [one.id for one in previous.manifest.models.values()]
        cache.make_room(manifest.models.values(), keep=kept, max_bytes=10**9)
        for artifact in manifest.models.values():
            pull_model(artifact, source, cache)

STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.utime", "os.truncate", "os.rmdir", "shutil.rmtree")
for step in range(1, last):
    shutil.copytree(f"{folder}/begun", f"{folder}/{step}")
    child = os.fork()
    if not child:
        left = step
        def at_each_step(event, _):
            global left
            if event in STEPS:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(at_each_step)
        pull(f"{folder}/{step}")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(step, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)
    if not os.WIFSIGNALED(status):
        break
"""


def test_whatever_step_it_is_killed_at(publisher: Publisher, tmp_path: Path) -> None:
    first = publisher.push({"default": random_model(tmp_path / "a.xml", 2000)})
    with open_cache(tmp_path / "killed" / "begun") as cache:
        pull_manifest(publisher.source(), cache)
        pull_model(only(first), publisher.source(), cache)
    random_model(tmp_path / "b.bin", 200_000)
    second = publisher.push({"default": random_model(tmp_path / "b.xml", 2000)})
    code = [sys.executable, "-c", PULLS, "120", str(tmp_path / "killed"), publisher.store.place]
    done = subprocess.run(
        [*code, publisher.public_key], capture_output=True, text=True, timeout=300, check=True, env=os.environ
    )
    ended = {int(step): int(signal_) for step, signal_ in (line.split() for line in done.stdout.splitlines())}
    assert list(ended.values()).count(0) == 1, "the last one got through"
    assert len(ended) > 15
    assert set(ended.values()) == {0, signal.SIGKILL}

    keys, numbers = publisher.source().keys, set()
    for step in ended:
        with open_cache(tmp_path / "killed" / str(step)) as cache:
            accepted = cache.accepted("stable", keys)
            assert accepted is not None, f"after step {step} no manifest was left"
            numbers.add(accepted.manifest.number)
            assert cache.is_whole(only(first)), f"after step {step} the model before was gone"
            if cache.has(only(second)):
                assert cache.is_whole(only(second)), f"after step {step} a model was there in part"
            pull_manifest(publisher.source(), cache)
            pull_model(only(second), publisher.source(), cache)
            assert cache.is_whole(only(second))
            assert not list((cache.folder / "incoming").iterdir())
            assert not [file for file in cache.folder.rglob("*") if file.name.startswith(".")], "scratch was left"
    assert numbers == {1, 2}
