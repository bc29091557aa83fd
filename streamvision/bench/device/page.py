"""The page about a proof: one HTML file that needs nothing from anywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.evaluation.report.page import HOUSE_STYLE, write_page

_STREAM_COLUMNS = (
    ("streams", "streams"),
    ("fps", "frames/s"),
    ("slowest_fps", "slowest stream"),
    ("age_p50_s", "age p50, s"),
    ("age_p95_s", "age p95, s"),
    ("lock_ms", "lock held, ms a frame"),
    ("cpu_percent", "CPU, %"),
    ("others_cpu_percent", "others' CPU, %"),
    ("rss_mb", "memory, MiB"),
)
_TONES = {"passed": "equal", "failed": "first", "not tried": "different"}
_MACHINE = ("board", "jetpack", "l4t", "power_mode", "driver", "driver_cuda", "cuda", "cudnn", "tensorrt", "decoder")
_WORDS = {
    "board": "Jetson",
    "jetpack": "JetPack",
    "l4t": "Jetson Linux (L4T)",
    "power_mode": "power mode",
    "driver": "driver",
    "driver_cuda": "newest CUDA of the driver",
    "cuda": "CUDA",
    "cudnn": "cuDNN",
    "tensorrt": "TensorRT",
    "decoder": "video decoder",
}


def write_proof(path: Path, document: dict[str, Any]) -> None:
    """Write the page about a document of :meth:`streamvision.bench.device.proof.Proof.to_json`.

    Raises:
        OutputError: when the file cannot be written.
    """
    here = Path(__file__).parent
    checks = document["checks"]
    write_page(
        path,
        here / "proof.html",
        styles=(HOUSE_STYLE, here / "proof.css"),
        proof=document,
        machine=_machine_rows(document),
        checks=[check | {"tone": _TONES[check["outcome"]], "rows": _figure_rows(check["figures"])} for check in checks],
        columns=[title for _, title in _STREAM_COLUMNS],
        streams=[
            [_shown(check["figures"].get(key)) for key, _ in _STREAM_COLUMNS]
            for check in checks
            if "lock_ms" in check["figures"]
        ],
    )


def _machine_rows(document: dict[str, Any]) -> list[tuple[str, str]]:
    machine, nvidia = document["machine"], document["nvidia"] or {}
    rows = [
        ("processor", f"{machine['cpu']}, {machine['cores']} cores"),
        ("system", f"{machine['system']}, Python {machine['python']}"),
    ]
    for gpu in nvidia.get("gpus", []):
        details = [gpu["compute_capability"] and f"compute capability {gpu['compute_capability']}"]
        details.append(gpu["memory_mib"] and f"{gpu['memory_mib']} MiB")
        rows.append(("GPU", ", ".join([gpu["name"], *(detail for detail in details if detail)])))
    rows += [(_WORDS[key], str(nvidia[key])) for key in _MACHINE if nvidia.get(key)]
    if not nvidia:
        rows.append(("GPU", "no NVIDIA GPU"))
    return rows


def _figure_rows(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return a row for each figure, those of parts with the part's name in front."""
    rows: list[tuple[str, str]] = []
    for name, value in figures.items():
        shown = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            rows += _figure_rows(value, f"{shown}: ")
        else:
            rows.append((shown, _shown(value)))
    return rows


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
