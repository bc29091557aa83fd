"""Kotlin's compiler, which runs on the JVM and comes from npm."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.made_once import made_once
from support.npm_packages import npm_modules

COMPILE_TIMEOUT_S = 500.0
_JAVA = ("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True)
class KotlinCompiler:
    """The compiler, and a folder that keeps what it has made for the next run."""

    library: Path
    kept: Path

    def compile(self, sources: Mapping[str, str], scratch: Path) -> str:
        """Return the class path of sources by file name; a warning fails the test."""
        digest = hashlib.sha256("".join(sources.values()).encode()).hexdigest()[:16]
        compiled = made_once(self.kept / digest, lambda made: self._compile(sources, scratch, made))
        return f"{compiled}:{self.library / 'kotlin-stdlib.jar'}"

    def _compile(self, sources: Mapping[str, str], scratch: Path, classes: Path) -> None:
        for name, text in sources.items():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).write_text(text)
        command = [*_JAVA, "-Xmx1g", "-cp", str(self.library / "kotlin-compiler.jar")]
        command += ["org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-Werror", "-no-reflect"]
        command += ["-kotlin-home", str(self.library.parent), "-d", str(classes)]
        command += [str(scratch / name) for name in sources]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False)
        assert done.returncode == 0, done.stderr[-3000:]

    def run(self, class_path: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a class of what was compiled."""
        command = [*_JAVA, "-cp", class_path, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def kotlin_compiler(project_root: Path, reference_dir: Path) -> KotlinCompiler:
    """Return the compiler, or skip the test where there is no Java."""
    if shutil.which("java") is None:
        pytest.skip("Java is not installed: apt-get install default-jre-headless")
    modules = npm_modules(project_root / "tests/support/npm_tools", reference_dir)
    return KotlinCompiler(modules / "kotlin-compiler" / "lib", reference_dir / "kotlin")
