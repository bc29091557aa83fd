"""Puts a release's bundles where the example apps take them from: ``python tools/place_bundles.py road_signs.zip``.

The release is what ``make artefacts`` builds. Nothing but Python is needed. Every file is compared with the release's
own checksums first; an older bundle is replaced, anything else that lies in its place is not.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
APPS = ("android", "ios", "web")
MOST_BYTES = 200_000_000
"""The release has some 40 MB in bundles; what would unpack to far more is none."""


class ReleaseError(RuntimeError):
    """What is wrong with the release, in one sentence."""


def place(archive: Path, examples: Path = EXAMPLES) -> list[Path]:
    """Unpack the bundles and return their folders.

    Raises:
        ReleaseError: when the file is no release, is damaged, or something else lies in a bundle's place.
    """
    try:
        with zipfile.ZipFile(archive) as release:
            contents = _bundles(release, archive)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        if isinstance(error, ReleaseError):
            raise
        raise ReleaseError(f"{archive} cannot be read ({error}); build it with make artefacts") from error
    placed = []
    for app, files in contents.items():
        folder = examples / app / "bundle"
        if folder.exists() and not (folder / "bundle.json").is_file():
            raise ReleaseError(f"{folder} is there and is no bundle; move it away")
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=examples / app) as scratch:
            made = Path(scratch) / "bundle"
            for name, data in files.items():
                path = made / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            if folder.exists():
                shutil.rmtree(folder)
            made.rename(folder)
        placed.append(folder)
    return placed


def _bundles(release: zipfile.ZipFile, archive: Path) -> dict[str, dict[str, bytes]]:
    """Return the checked contents of each app's bundle by name of the file in it."""
    entries = {entry.filename: entry for entry in release.infolist() if not entry.is_dir()}
    if sum(entry.file_size for entry in entries.values()) > MOST_BYTES:
        raise ReleaseError(f"{archive} unpacks to more than {MOST_BYTES / 1e6:.0f} MB; build it with make artefacts")
    lists = [name for name in entries if PurePosixPath(name).name == "SHA256SUMS" and name.count("/") == 1]
    if len(lists) != 1:
        raise ReleaseError(f"{archive} has no list of checksums; build it with make artefacts")
    root = lists[0].rpartition("/")[0]
    lines = release.read(lists[0]).decode("utf-8", "replace").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found: dict[str, dict[str, bytes]] = {}
    for name, digest in sums.items():
        parts = PurePosixPath(name).parts
        if len(parts) < 3 or parts[0] != "bundles" or parts[1] not in APPS:
            continue
        if ".." in parts or f"{root}/{name}" not in entries:
            raise ReleaseError(f"{archive} lacks {name}; build it with make artefacts")
        data = release.read(f"{root}/{name}")
        if hashlib.sha256(data).hexdigest() != digest:
            raise ReleaseError(f"{archive} is damaged: {name} has another checksum; build it with make artefacts")
        found.setdefault(parts[1], {})["/".join(parts[2:])] = data
    if not found:
        raise ReleaseError(f"{archive} has no bundle in it; build it with make artefacts")
    return found


def main() -> int:
    """Place the bundles; the exit code is 1 where that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="the release: dist/road_signs.zip of make artefacts")
    try:
        for folder in place(parser.parse_args().archive):
            sys.stdout.write(f"{folder}\n")
    except ReleaseError as error:
        sys.stderr.write(f"place_bundles: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
