"""Where the command ``streamvision`` starts: beside the packages, so that it can see whether they are this project's.

A distribution named ``streamvision``, which is somebody else's, brings a package of the same name. Installed in one
environment, one hides the other, or its files lie among ours.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parent
"""The folder in which all packages of this project are."""
NAME, DISTRIBUTION = "streamvision", "streamvision-edge"
AGAIN = f"pip install --force-reinstall --no-deps {DISTRIBUTION}"


def main() -> None:
    """Run the command line, unless what is imported as ``streamvision`` is not this project's."""
    open_standard_streams()
    spec = find_spec(NAME)
    origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
    strange = strange_files()
    if origin != HOME / NAME / "__init__.py" or origin.name in strange:
        sys.exit(f"{NAME}: {_replaced(origin)}")
    if strange:
        sys.stderr.write(f"{NAME}: {HOME / NAME / strange[0]} is of {_others()}\n")
    try:
        from streamvision.cli.main import main as run
    except KeyboardInterrupt:  # on a small board, importing takes seconds
        sys.exit(130)
    run()


def open_standard_streams() -> None:
    """Open what the caller closed of the input, the output and stderr, on nothing.

    The next file would get its number otherwise, such as the database, and what is meant for stderr would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the smallest number that is free
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def strange_files() -> list[str]:
    """Return the names in our package's folder that are not as pip installed them; nothing is known in a checkout.

    The list of our own installed files is read, and one folder: the metadata of all packages would take far longer.
    """
    record = next(HOME.glob("streamvision_edge-*.dist-info/RECORD"), None)
    if record is None:
        return []
    sizes: dict[str, str] = {}
    for line in record.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{NAME}/"):
            path, _hash, size = line.removeprefix(f"{NAME}/").rsplit(",", 2)
            first, slash, _rest = path.partition("/")
            sizes[first] = "" if slash else size
    return sorted(entry.name for entry in (HOME / NAME).iterdir() if not _as_installed(entry, sizes))


def _as_installed(entry: Path, sizes: dict[str, str]) -> bool:
    """Return whether a file or folder is ours; ``sizes`` has its bytes in digits, or nothing where none are known."""
    if entry.name not in sizes:
        return entry.name == "__pycache__"
    return sizes[entry.name] in ("", str(entry.stat().st_size))


def _replaced(origin: Path | None) -> str:
    if origin is None or not (HOME / NAME / "__init__.py").is_file():
        return f"{HOME / NAME} has lost files, as when a package of the same name is uninstalled; run {AGAIN}"
    return f"{origin} is of {_others()}"


def _others() -> str:
    """Return which distribution brings files of that name, and what to do; this reads the metadata of all."""
    from importlib.metadata import distributions

    for one in distributions():
        name = one.metadata["Name"]
        if name != DISTRIBUTION and any(file.parts[0] == NAME for file in one.files or ()):
            mend = f"run pip uninstall {name}, then {AGAIN}"
            return f"the package {name} {one.version}, not of {DISTRIBUTION}; {mend}, or give each an environment"
    return f"another package, not of {DISTRIBUTION}; run {AGAIN}, or give each an environment of its own"
