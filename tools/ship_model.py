"""Makes the free model of road signs of a checkpoint of ``streamvision train``.

``python tools/ship_model.py last.pt --images DIR --map50 0.9 --map50-95 0.7 --photographs 142``

Batch and size of the input are free. What it was made from, its licence and its figures stand in the file's own card.
It is written where the gate of exports finds it equal to the checkpoint on real pictures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.onnx.conversion import save, to_onnx
from exporters.parity.gate import Gate
from exporters.parity.verdict import Parity
from exporters.pictures import pictures_in
from exporters.targets.onnx import OnnxTarget
from streamvision.checkpoints import open_source
from streamvision.checkpoints.mirrored import MirroredSource
from streamvision.models import FREE_MODEL, SHIPPED

SIDE_PX = 640
"""Longer side of what it sees where nothing else is asked for."""
LICENCE = "Apache-2.0 (fine-tuned from Megvii's YOLOX-nano, Apache-2.0; photographs CC0 1.0)"
SOURCE = (
    "Road Sign Detection (CC0), 693 photographs, and 200 generated scenes; fine-tuned from YOLOX-nano (COCO); "
    "what it says of a picture and of its mirror image is averaged"
)


def ship(checkpoint: Path, target: Path, *, images: Path, measured: dict[str, float]) -> Parity:
    """Write the ONNX file of a checkpoint where it says what the checkpoint says, and return how it compares.

    Args:
        checkpoint: of ``streamvision train``.
        target: the file; an older one is replaced.
        images: folder of pictures to compare on.
        measured: figures for the card.
    """
    source = MirroredSource(open_source(checkpoint))
    options = ExportOptions(size_px=(SIDE_PX, SIDE_PX), dynamic_batch=True, dynamic_size=True)
    model, card = to_onnx(source, options)
    # The checkpoint says nothing of its licence, and the gate wants it to be that of the file.
    source.card = source.card.model_copy(update={"licence": LICENCE})
    card = card.model_copy(update={"licence": LICENCE, "source": SOURCE, "measured": measured})
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".ship-") as scratch:
        made = save(model, card, Path(scratch) / target.name)
        artifact = UnverifiedArtifact("onnx", "fp32", made, card)
        parity = Gate(source, pictures_in(images)).prove(OnnxTarget(), artifact, options, scratch=Path(scratch))
        if parity.passed:
            made.replace(target)
    return parity


def main() -> int:
    """Make the file; the exit code is 1 where it differs from the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = next(model.path for model in SHIPPED if model.name == FREE_MODEL)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--images", type=Path, required=True, help="pictures to compare on")
    parser.add_argument("--map50", type=float, required=True, help="on photographs that nothing was chosen on")
    parser.add_argument("--map50-95", type=float, required=True, help="on the same")
    parser.add_argument("--photographs", type=int, required=True, help="how many those are")
    parser.add_argument("--output", type=Path, default=target, metavar="FILE", help="by default the one of the package")
    given = parser.parse_args()
    measured = {"map50": given.map50, "map50_95": given.map50_95, "photographs": float(given.photographs)}
    parity = ship(given.checkpoint, given.output, images=given.images, measured=measured)
    sys.stdout.write(f"{given.output}: {parity.sentence()}\n")
    return 0 if parity.passed else 1


if __name__ == "__main__":
    sys.exit(main())
