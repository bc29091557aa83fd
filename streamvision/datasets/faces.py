"""Drawn faces as a data set of keypoints in YOLO's form."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import yaml

from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import LabelledBox, LabelledImage, LabelledShape, Split
from streamvision.datasets.drive import JPEG_QUALITY, DriveSampling
from streamvision.datasets.writing import OutputFolder
from streamvision.datasets.yolo_txt import keypoints_line
from streamvision.synthetic.faces import LANDMARKS, MIRRORED, FacePainter

CLASS_NAME = "face"


def write_drawn_faces(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Paint faces with exact landmarks and write them as YOLO's ``images/``, ``labels/`` and ``data.yaml``.

    Args:
        folder: to write.
        sampling: how many pictures, of what size and seed; the part ``val`` is painted from another seed.
        force: replace what is in the folder.
        progress: called for every picture.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    parts: list[tuple[Split | None, int]] = [(None, sampling.images)]
    if sampling.val_images:
        parts = [("train", sampling.images), ("val", sampling.val_images)]
    done = 0
    for index, (part, count) in enumerate(parts):
        seed = int(np.random.SeedSequence([sampling.seed, index]).generate_state(1)[0])
        painter = FacePainter(sampling.width_px, sampling.height_px, seed)
        images, labels = (output.make_folder(f"{kind}/{part or ''}".rstrip("/")) for kind in ("images", "labels"))
        for number in range(count):
            bgr, faces = painter.picture()
            name = f"faces-{sampling.seed}-{index}-{number:05d}"
            path = images / f"{name}.jpg"
            cv2.imwrite(str(path), bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY[1]])
            image = LabelledImage(path, sampling.width_px, sampling.height_px, ())
            lines = []
            for face in faces:
                points = tuple((float(x), float(y), int(visible)) for x, y, visible in face.landmark_xyv)
                box = LabelledBox(0, face.box_xyxy_px, shape=LabelledShape(keypoints=points))
                lines.append(keypoints_line(box, image, values=3, count=len(LANDMARKS)))
            (labels / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
            done += 1
            progress("pictures rendered", done, sampling.total)
    document = {
        **{key: f"images/{part or ''}".rstrip("/") for key, part in (("train", parts[0][0]), ("val", parts[-1][0]))},
        "names": {0: CLASS_NAME},
        "kpt_shape": [len(LANDMARKS), 3],
        "flip_idx": list(MIRRORED),
        "kpt_names": {0: list(LANDMARKS)},
    }
    output.write_text("data.yaml", yaml.safe_dump(document, sort_keys=False))
